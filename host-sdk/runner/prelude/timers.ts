import { closeAccount, openAccount } from "./accounts.ts";
import { dropHostCalls } from "./host-calls.ts";
import { post } from "./port.ts";
import { reportError } from "./report-error.ts";

interface Timer {
  readonly account: number;
  readonly run: () => unknown;
  readonly repeatMs: number | undefined;
}

const MAX_TIMERS = 10_000;
const MAX_DELAY_MS = 2 ** 31 - 1;
const timers = new Map<number, Timer>();
let lastId = 0;

interface Repeat {
  readonly repeat: boolean;
  readonly args: readonly unknown[];
}

function start(run: unknown, delay: unknown, { repeat, args }: Repeat): number {
  if (typeof run !== "function") throw new TypeError("A timer needs a function");
  const ms = Math.min(Math.max(Math.trunc(Number(delay)) || 0, 1), MAX_DELAY_MS);
  const account = openAccount();
  if (account.timers >= MAX_TIMERS) throw new RangeError(`One call may set ${MAX_TIMERS} timers`);
  account.timers += 1;
  lastId += 1;
  timers.set(lastId, {
    account: account.id,
    run: () => Reflect.apply(run, undefined, args),
    repeatMs: repeat ? ms : undefined,
  });
  post("timer", account.id, lastId, "", String(ms));
  return lastId;
}

/** Timers belong to the call that set them and end with it: work without a call is not done. */
export function setTimeout(run: unknown, delay?: unknown, ...args: readonly unknown[]): number {
  return start(run, delay, { repeat: false, args });
}

export function setInterval(run: unknown, delay?: unknown, ...args: readonly unknown[]): number {
  return start(run, delay, { repeat: true, args });
}

export function clearTimeout(id: unknown): void {
  timers.delete(Number(id));
}

export function queueMicrotask(run: unknown): void {
  if (typeof run !== "function") throw new TypeError("queueMicrotask needs a function");
  void Promise.resolve().then(() => guarded(() => Reflect.apply(run, undefined, [])));
}

export function fireTimer(id: number): void {
  const timer = timers.get(id);
  if (timer === undefined) return;
  if (timer.repeatMs === undefined) timers.delete(id);
  guarded(timer.run);
  if (timer.repeatMs !== undefined && timers.has(id))
    post("timer", timer.account, id, "", String(timer.repeatMs));
}

/** Ends what a call left behind. */
export function endCall(account: number): void {
  for (const [id, timer] of timers) if (timer.account === account) timers.delete(id);
  dropHostCalls(account);
  closeAccount(account);
}

function guarded(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    reportError(error);
  }
}
