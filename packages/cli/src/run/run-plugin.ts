import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  createTestHost,
  type TestHost,
  type TestHostOptions,
  type TestPlugin,
} from "@rising-bsm/host-sdk/testing";
import {
  CALL_LIMITS,
  isSignatureEntry,
  type Json,
  MANIFEST_ENTRY,
  parseJson,
  readBundle,
  RbsmError,
  REQUESTABLE_LIMITS,
  utf8,
} from "@rising-bsm/protocol";
import { findingsError, readPluginFolder } from "../build/plugin-folder.ts";
import { readBundleFile } from "../build/read-bundle-file.ts";
import type { Cli } from "../command.ts";
import { jsonField } from "../json-field.ts";
import { parseGrant } from "./parse-grant.ts";
import type { RunOutcome, RunUsage } from "./run-report.ts";

/** One call to make, as the command line says it. */
export interface RunRequest {
  readonly source: string;
  /** Plugins that the called one depends on: folders or files. */
  readonly others: readonly string[];
  readonly method: string;
  readonly args: readonly Json[];
  readonly grant: string;
  readonly deadlineMs: number | undefined;
  readonly memoryMb: number | undefined;
}

/** How much longer than its wall limit a call may take before it is given up from outside. */
const OVERTIME_MS = 700;
/** How long the start of the sandbox may take on a busy machine, beside what the plugin takes. */
const START_MS = 3_000;
/** How long the ending of the sandbox may take. */
const CLOSE_MS = 1_000;
/** A longer timer would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Runs one method of a plugin in the production sandbox and reports how it went. */
export async function runPlugin(cli: Cli, request: RunRequest): Promise<RunOutcome> {
  const files = withMemory(await readFiles(resolve(cli.cwd, request.source)), request.memoryMb);
  const others = await Promise.all(
    request.others.map(async (path) => ({ files: await readFiles(resolve(cli.cwd, path)) })),
  );
  return await runIn({ files }, { cli, request, others });
}

interface Setting {
  readonly cli: Cli;
  readonly request: RunRequest;
  readonly others: readonly TestPlugin[];
}

async function runIn(plugin: TestPlugin, { cli, request, others }: Setting): Promise<RunOutcome> {
  const { cpuMs, wallMs, memoryMb } = REQUESTABLE_LIMITS;
  const options = { grant: parseGrant(request.grant), limits: { cpuMs, wallMs, memoryMb } };
  let host: TestHost | undefined;
  try {
    host = await startInTime({ ...plugin, ...options, plugins: others }, { cli, request });
    noteMissing(cli, host, others.length);
    const { result, usage } = await callInTime(host, request, cli.signal);
    return { result, failure: null, usage, ...recordOf(host) };
  } catch (error) {
    if (!(error instanceof RbsmError)) throw error;
    return { result: null, failure: error, usage: usageOf(error), ...recordOf(host) };
  } finally {
    await Promise.race([host?.close(), delay(CLOSE_MS)]);
  }
}

/** A plugin that cannot be activated in the time of the call would never get to it. */
async function startInTime(
  options: TestHostOptions,
  { cli, request: { deadlineMs } }: Pick<Setting, "cli" | "request">,
): Promise<TestHost> {
  if (deadlineMs === undefined) return createTestHost({ ...options, signal: cli.signal });
  const overdue = AbortSignal.timeout(Math.min(deadlineMs + START_MS, MAX_TIMER_MS));
  try {
    return await createTestHost({ ...options, signal: AbortSignal.any([cli.signal, overdue]) });
  } catch (error) {
    if (!overdue.aborted || cli.signal.aborted) throw error;
    throw new RbsmError("limit_wall", `The plugin did not start within ${deadlineMs} ms`);
  }
}

function noteMissing(cli: Cli, { manifest }: TestHost, others: number): void {
  const needed = Object.keys(manifest.dependencies);
  if (needed.length <= others) return;
  cli.note(`warning: ${manifest.name} depends on ${needed.join(", ")}; add them with --with`);
}

async function callInTime(host: TestHost, request: RunRequest, signal: AbortSignal) {
  const { method, args, deadlineMs } = request;
  const call = host.run(method, args, {
    signal,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });
  const wallMs = deadlineMs ?? host.manifest.limits?.wallMs ?? CALL_LIMITS.methodWallMs;
  return await Promise.race([call, giveUp(wallMs)]);
}

/** The supervisor keeps the time; this holds when even the supervisor does not answer. */
async function giveUp(wallMs: number): Promise<never> {
  await delay(wallMs + OVERTIME_MS);
  throw new RbsmError("limit_wall", `The call did not end within ${wallMs} ms`);
}

function delay(ms: number): Promise<void> {
  return new Promise((done) => {
    setTimeout(done, Math.min(ms, MAX_TIMER_MS));
  });
}

function recordOf(host: TestHost | undefined): Pick<RunOutcome, "logs" | "denied"> {
  const logs = host?.logs() ?? [];
  return {
    logs: logs.map(({ level, message, fields }) => ({
      level,
      message,
      ...(fields === undefined ? {} : { fields }),
    })),
    denied: (host?.denied() ?? []).map(({ method, permission }) => ({ method, permission })),
  };
}

function usageOf({ detail }: RbsmError): RunUsage | null {
  const { usage } = detail;
  const [wallMs, cpuMs, peakRssMb] = ["wallMs", "cpuMs", "peakRssMb"].map((name) =>
    jsonField(usage, name),
  );
  const known =
    typeof wallMs === "number" && typeof cpuMs === "number" && typeof peakRssMb === "number";
  return known ? { wallMs, cpuMs, peakRssMb } : null;
}

/** The files of a plugin folder, built in memory, or of a bundle file. Signatures do not count here. */
async function readFiles(path: string): Promise<Map<string, Uint8Array>> {
  const info = await stat(path).catch(() => null);
  if (info?.isDirectory() === true) {
    const { files, findings } = await readPluginFolder(path);
    if (findings.length > 0) throw findingsError(findings);
    return new Map(files);
  }
  const { files } = await readBundle(await readBundleFile(path));
  return new Map([...files].filter(([name]) => !isSignatureEntry(name)));
}

/** The plugin as if its manifest asked for this much memory and an administrator had agreed. */
function withMemory(
  files: Map<string, Uint8Array>,
  memoryMb: number | undefined,
): Map<string, Uint8Array> {
  const bytes = files.get(MANIFEST_ENTRY);
  if (memoryMb === undefined || bytes === undefined) return files;
  if (memoryMb > REQUESTABLE_LIMITS.memoryMb) {
    throw new RbsmError("usage", `--memory may be ${REQUESTABLE_LIMITS.memoryMb} at most`);
  }
  const manifest = parseJson(bytes, { maxBytes: bytes.length, code: "manifest_invalid" });
  const limits = { ...Object(jsonField(manifest, "limits")), memoryMb };
  return files.set(MANIFEST_ENTRY, utf8(JSON.stringify({ ...Object(manifest), limits })));
}
