import { resolve } from "node:path";
import { type ContainmentReport, containmentReport } from "@rising-bsm/host-sdk";
import type { Cli } from "../command.ts";
import { examineDataDir } from "./examine-data-dir.ts";
import { examineMarketplace } from "./examine-marketplace.ts";

/**
 * One thing that was looked at. "fails": plugins do not run, or what was asked for does not work;
 * "weak": it works, with less protection than it could have.
 */
export interface Check {
  readonly name: string;
  readonly state: "ok" | "weak" | "fails";
  readonly detail: string;
  readonly fix?: string;
}

/** What `doctor` found out. */
export interface Examination {
  readonly containment: ContainmentReport;
  readonly checks: readonly Check[];
}

/** Looks at everything; nothing of it throws. */
export async function examine(
  cli: Cli,
  { dataDir, url }: { readonly dataDir?: string; readonly url?: string },
): Promise<Examination> {
  const [containment, folder, marketplace] = await Promise.all([
    containmentReport(),
    dataDir === undefined ? [] : examineDataDir(resolve(cli.cwd, dataDir)),
    url === undefined ? [] : examineMarketplace(url, cli.signal),
  ]);
  return { containment, checks: [...sandbox(containment), ...folder, ...marketplace] };
}

function sandbox(report: ContainmentReport): Check[] {
  const { node, nodeAbi, libc, addon, problem, startMs } = report;
  const runtime = node === null ? "none found" : `${node}, ABI ${nodeAbi}`;
  const works: Check =
    problem === undefined
      ? { name: "sandbox", state: "ok", detail: `starts in ${startMs} ms` }
      : { name: "sandbox", state: "fails", detail: problem.message, ...fixOf(problem) };
  return [
    { name: "Node for plugins", state: node === null ? "fails" : "ok", detail: runtime },
    {
      name: "isolated-vm",
      state: addon !== null && report.layers.libcMatch.active ? "ok" : "fails",
      detail: `${addon ?? "not found"}${libc === null ? "" : `, this system has ${libc}`}`,
    },
    works,
    // Without a child nothing is known of its layers.
    ...(problem === undefined ? LAYERS.map((layer) => layerCheck(report, layer)) : []),
  ];
}

function fixOf({ fix }: { readonly fix?: string }): { fix?: string } {
  return fix === undefined ? {} : { fix };
}

interface Layer {
  readonly key: keyof ContainmentReport["layers"];
  readonly name: string;
  readonly detail: string;
  readonly fix: string;
}

const LAYERS: readonly Layer[] = [
  {
    key: "permissionModel",
    name: "no files, no processes",
    detail: "Node's permission model",
    fix: "run plugins with an unchanged Node 24",
  },
  {
    key: "jitless",
    name: "no machine code",
    detail: "--jitless, no WebAssembly",
    fix: "run plugins with an unchanged Node 24",
  },
  {
    key: "rlimitData",
    name: "memory limit",
    detail: "RLIMIT_DATA",
    fix: "let the host's user lower its limits: `ulimit -d` in /bin/sh",
  },
  {
    key: "pdeathsig",
    name: "dies with the host",
    detail: "parent death signal",
    fix: "install util-linux, which has `setpriv`; until then a watcher process does it",
  },
  {
    key: "networkNamespace",
    name: "no network interface",
    detail: "network namespace",
    fix: "install util-linux and allow `unshare -n` (CAP_SYS_ADMIN, or user namespaces)",
  },
];

function layerCheck({ layers }: ContainmentReport, { key, name, detail, fix }: Layer): Check {
  const { active, why } = layers[key];
  if (active) return { name, state: "ok", detail };
  const isLinuxOnly =
    process.platform !== "linux" && key !== "permissionModel" && key !== "jitless";
  return {
    name,
    state: "weak",
    detail: `${detail}: ${why ?? "not active"}`,
    ...(isLinuxOnly ? {} : { fix }),
  };
}
