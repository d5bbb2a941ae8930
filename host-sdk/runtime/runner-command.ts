import { CALL_LIMITS, RUNTIME_LIMITS } from "@rising-bsm/protocol";
import type { RunnerSettings } from "../runner/settings.ts";
import type { RunnerProgram } from "./runner-program.ts";

/** What a child is started with: inherited pipes beside it are fd 3 (frames) and fd 4 (the watcher's). */
export interface RunnerCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** The command line of a child that ends itself above `rssCapMb`. */
export function runnerCommand(program: RunnerProgram, rssCapMb: number): RunnerCommand {
  const settings: RunnerSettings = {
    addon: program.addon,
    rssCapMb,
    spareMemoryMb: CALL_LIMITS.memoryMb,
    limits: {
      callsInFlight: CALL_LIMITS.callsInFlight,
      payloadBytes: CALL_LIMITS.payloadBytes,
      messageBytes: CALL_LIMITS.messageBytes,
      logLines: CALL_LIMITS.logLines,
      logBytes: CALL_LIMITS.logBytes,
    },
  };
  const node = [
    program.node,
    "--jitless",
    "--no-node-snapshot",
    // Garbage collection on the isolate's own thread: its CPU is counted.
    "--single-threaded-gc",
    "--permission",
    "--allow-addons",
    "--disable-warning=PERM0001",
    `--allow-fs-read=${program.runner}`,
    `--allow-fs-read=${program.addon}`,
    program.runner,
    JSON.stringify(settings),
  ];
  if (process.platform === "win32") return { command: program.node, args: node.slice(1) };
  const dataKb = (rssCapMb + RUNTIME_LIMITS.dataAboveRssMb) * 1_024;
  const path = process.env["PATH"] ?? USUAL_PATH;
  return { command: "/bin/sh", args: ["-c", CONTAIN, "sh", path, String(dataKb), ...node] };
}

const USUAL_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/**
 * Every layer is used where it works here: a limit on memory the child can write to (small stacks:
 * isolates that start together have a thread each, which counts there), death with the
 * parent even if the child hangs, and no network interface. Without setpriv a process waits for the
 * end of fd 4, of which only the host has the other end, and kills the child then. PATH is the
 * shell's alone: the child's environment stays empty.
 */
const CONTAIN = `
PATH="$1"; ulimit -s 2048 2>/dev/null; ulimit -d "$2" 2>/dev/null; shift 2
if setpriv --pdeathsig KILL true 2>/dev/null; then set -- setpriv --pdeathsig KILL "$@"
else { read -r _ <&4; kill -KILL $$; } 3<&- >/dev/null 2>&1 & fi
if unshare -n true 2>/dev/null; then set -- unshare -n "$@"; fi
exec "$@" 4<&-`;
