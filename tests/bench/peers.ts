import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { z } from "zod";
import { type CallSample, measureCalls, type Peer } from "./call-load.ts";

const Sample = z.object({ times: z.array(z.number()), perSecond: z.number() });

/** isolated-vm in the process that calls it, without a sandbox around: the least an isolate costs. */
export interface RawIsolate extends Peer {
  /** Ms from nothing to an evaluated module, `runs` times; sorted. */
  load(source: string, runs: number): Promise<number[]>;
  /** MB of each of so many idle isolates. */
  idleMb(isolates: number): Promise<number>;
  /** Ms until a call with a timeout of `budgetMs` has ended; Infinity when it has not after `patienceMs`. */
  runaway(body: string, budgetMs: number, patienceMs: number): Promise<number>;
}

/** What isolated-vm asks for with this Node. */
const FLAGS = ["--no-node-snapshot"];

/** Starts a program that holds isolates; a job that wedges it is the last one. */
export function rawIsolate(): RawIsolate {
  const child = fork("tests/bench/raw-isolate.ts", { execArgv: FLAGS });
  const gone = new AbortController();
  child.once("exit", () => gone.abort(new Error("The program of raw isolates has ended")));
  const ask = async (job: Readonly<Record<string, unknown>>, patience?: AbortSignal) => {
    child.send(job);
    const signal = AbortSignal.any([gone.signal, ...(patience === undefined ? [] : [patience])]);
    const [answer]: unknown[] = await once(child, "message", { signal });
    return answer;
  };
  return {
    measure: async (load): Promise<CallSample> =>
      Sample.parse(await ask({ kind: "calls", ...load })),
    load: async (source, runs) =>
      Times.parse(await ask({ kind: "load", source, runs })).times.toSorted((a, b) => a - b),
    idleMb: async (isolates) => Idle.parse(await ask({ kind: "idle", isolates })).mbEach,
    runaway: async (body, budgetMs, patienceMs) =>
      ask({ kind: "runaway", body, budgetMs }, AbortSignal.timeout(patienceMs)).then(
        (answer) => Ended.parse(answer).ms,
        () => Infinity,
      ),
    close: () => end(child),
  };
}

const Times = z.object({ times: z.array(z.number()) });
const Idle = z.object({ mbEach: z.number() });
const Ended = z.object({ ms: z.number() });

/** Node's own `process.send` to a child that answers with the message: the least a fork costs. */
export function forkIpc(): Peer {
  const child = fork("tests/bench/ipc-echo.mjs");
  const waiting = new Map<number, (value: unknown) => void>();
  const Answer = z.object({ id: z.number(), args: z.unknown() });
  child.on("message", (message) => {
    const { id, args } = Answer.parse(message);
    waiting.get(id)?.(args);
    waiting.delete(id);
  });
  let lastId = 0;
  return {
    measure: (load) =>
      measureCalls(
        (args) =>
          new Promise((resolve) => {
            lastId += 1;
            waiting.set(lastId, resolve);
            child.send({ id: lastId, args });
          }),
        load,
      ),
    close: () => end(child),
  };
}

/** JSON in frames over a pipe to a child that answers with the arguments: the least a frame costs. */
export function jsonPipe(): Peer {
  const child = spawn(process.execPath, ["tests/bench/pipe-echo.mjs"], {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const pipe = child.stdio[3];
  if (pipe === null || pipe === undefined || !("write" in pipe)) throw new Error("No pipe");
  const waiting = new Map<number, (value: unknown) => void>();
  let pending: Buffer = Buffer.alloc(0);
  pipe.on("data", (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE(0)) {
      const end = 4 + pending.readUInt32BE(0);
      const { id, result } = Result.parse(JSON.parse(pending.toString("utf8", 4, end)));
      pending = pending.subarray(end);
      waiting.get(id)?.(result);
      waiting.delete(id);
    }
  });
  let lastId = 0;
  const send = (args: unknown, resolve: (value: unknown) => void) => {
    lastId += 1;
    waiting.set(lastId, resolve);
    const text = JSON.stringify({ id: lastId, args });
    const frame = Buffer.allocUnsafe(4 + Buffer.byteLength(text));
    frame.writeUInt32BE(frame.length - 4, 0);
    frame.write(text, 4);
    pipe.write(frame);
  };
  return {
    measure: (load) => measureCalls((args) => new Promise((resolve) => send(args, resolve)), load),
    close: () => end(child),
  };
}

const Result = z.object({ id: z.number(), result: z.unknown() });

function end(child: ChildProcess): void {
  child.kill("SIGKILL");
}
