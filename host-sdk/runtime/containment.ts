import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { RbsmError } from "@rising-bsm/protocol";
import {
  type InsideFacts,
  type OutsideFacts,
  probeInside,
  probeOutside,
} from "./containment-probe.ts";
import { findRunnerProgram, libcName, type RunnerProgram } from "./runner-program.ts";

/** One layer around plugin code; `why` says what is missing where it does not work. */
export interface ContainmentLayer {
  readonly active: boolean;
  readonly why?: string;
}

/** What contains plugins on this machine, as far as it was seen to work. */
export interface ContainmentReport {
  /** Whether plugins run here at all. A layer that is missing does not change that. */
  readonly usable: boolean;
  /** Why they do not, and what to do. */
  readonly problem?: { readonly message: string; readonly fix?: string };
  /** Version of the Node that runs plugins, and its ABI; null when there is none. */
  readonly node: string | null;
  readonly nodeAbi: string | null;
  /** Path of the isolated-vm binary. */
  readonly addon: string | null;
  /** C library of this process; null where there is no choice of them. */
  readonly libc: "glibc" | "musl" | null;
  /** From starting a child to its first word, in ms. */
  readonly startMs: number | null;
  readonly layers: {
    /** A limit of the kernel on the memory that a child can write to. */
    readonly rlimitData: ContainmentLayer;
    /** A child dies at once with the host's process, even if it hangs. */
    readonly pdeathsig: ContainmentLayer;
    /** A child sees no network interface. */
    readonly networkNamespace: ContainmentLayer;
    /** Node's permission model: no files, no processes. */
    readonly permissionModel: ContainmentLayer;
    /** No machine code is made from plugin code, and there is no WebAssembly. */
    readonly jitless: ContainmentLayer;
    /** The isolated-vm binary is made for this C library, and can be loaded. */
    readonly libcMatch: ContainmentLayer;
  };
}

/**
 * Starts children like those that hold plugins and reports what they can and cannot do. Never
 * throws; takes about a second. `program` names other files than the ones that would be used.
 */
export async function containmentReport(
  options: { readonly program?: RunnerProgram } = {},
): Promise<ContainmentReport> {
  try {
    const program = options.program ?? findRunnerProgram();
    return await reportOn(program);
  } catch (error) {
    return { ...NOTHING, libc: libcName(), problem: problemOf(error) };
  }
}

const UNKNOWN: ContainmentLayer = { active: false, why: "no child could be started" };
const NOTHING: ContainmentReport = {
  usable: false,
  node: null,
  nodeAbi: null,
  addon: null,
  libc: null,
  startMs: null,
  layers: {
    rlimitData: UNKNOWN,
    pdeathsig: UNKNOWN,
    networkNamespace: UNKNOWN,
    permissionModel: UNKNOWN,
    jitless: UNKNOWN,
    libcMatch: UNKNOWN,
  },
};

async function reportOn(program: RunnerProgram): Promise<ContainmentReport> {
  const { version, abi } = await nodeFacts(program.node);
  const known = { node: version, nodeAbi: abi, addon: program.addon, libc: libcName() };
  const inside = await settled(probeInside(program));
  if (inside instanceof Error) return { ...NOTHING, ...known, problem: problemOf(inside) };
  const layers = { ...NOTHING.layers, ...innerLayers(inside, known.libc) };
  if (inside.addonError !== null)
    return {
      ...NOTHING,
      ...known,
      layers,
      problem: addonProblem(program.addon, inside.addonError),
    };
  const outside = await settled(probeOutside(program));
  if (outside instanceof Error)
    return { ...NOTHING, ...known, layers, problem: problemOf(outside) };
  return {
    ...known,
    usable: true,
    startMs: Math.round(outside.startMs),
    layers: { ...layers, ...outerLayers(outside) },
  };
}

async function nodeFacts(node: string): Promise<{ version: string; abi: string }> {
  const print = "process.version + ' ' + process.versions.modules";
  const { stdout } = await promisify(execFile)(node, ["-p", print], { env: {} });
  const [version = "", abi = ""] = stdout.trim().split(" ");
  return { version, abi };
}

function settled<T>(work: Promise<T>): Promise<T | Error> {
  return work.catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  );
}

function problemOf(error: unknown): NonNullable<ContainmentReport["problem"]> {
  const message = error instanceof Error ? error.message : String(error);
  const fix = error instanceof RbsmError ? error.detail.fix : undefined;
  return fix === undefined ? { message } : { message, fix };
}

function addonProblem(addon: string, reason: string): NonNullable<ContainmentReport["problem"]> {
  return {
    message: `The isolated-vm binary cannot be loaded: ${reason}`,
    fix: `Install isolated-vm again on this machine; ${addon} is for another platform, C library or Node, or is damaged`,
  };
}

function layer(active: boolean, why: string): ContainmentLayer {
  return active ? { active } : { active, why };
}

function innerLayers(
  { addonError, readsFiles, startsProcesses, compiles }: InsideFacts,
  libc: ContainmentReport["libc"],
): Pick<ContainmentReport["layers"], "permissionModel" | "jitless" | "libcMatch"> {
  return {
    permissionModel: layer(!readsFiles && !startsProcesses, "files or processes are within reach"),
    jitless: layer(!compiles, "WebAssembly is within reach"),
    libcMatch: layer(addonError === null, `the binary does not load here (${libc ?? "no libc"})`),
  };
}

function outerLayers({
  dataLimited,
  ownNetwork,
  diesWithParent,
}: OutsideFacts): Pick<
  ContainmentReport["layers"],
  "rlimitData" | "pdeathsig" | "networkNamespace"
> {
  const linux = (why: string): string =>
    process.platform === "linux" ? why : "only Linux has this";
  return {
    rlimitData: layer(dataLimited, linux("`ulimit -d` has no effect in /bin/sh")),
    pdeathsig: layer(diesWithParent, linux("`setpriv` (util-linux) is missing or not allowed")),
    networkNamespace: layer(ownNetwork, linux("`unshare -n` is missing or not allowed")),
  };
}
