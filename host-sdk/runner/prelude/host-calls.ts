import { ARGUMENTS_DEPTH, isUnsendable, jsonText } from "../../runtime/json-text.ts";
import { type Account, forgetWhenSettled, openAccount } from "./accounts.ts";
import { codedError } from "./errors.ts";
import { limits, post } from "./port.ts";

interface Waiting {
  readonly account: Account;
  /** Length of the arguments' text. */
  readonly units: number;
  readonly send: () => void;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * Of arguments that have left for the host: what has left is in the memory of all plugins of the
 * process, and before everything that these send. The rest waits in here, on the plugin's account.
 */
const MAX_UNITS_OUT = 4_194_304;
const waiting = new Map<number, Waiting>();
const queue = new Map<number, Waiting>();
let unitsOut = 0;
let lastId = 0;

/** Asks the host; the promise settles in a later turn of the same account. */
export function hostCall(method: string, args: readonly unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    openAccount();
    // Before anything is counted: reading the arguments may run code that asks the host too.
    const text = argumentsText(args);
    const account = openAccount();
    if (account.hostCalls >= limits.callsInFlight) {
      throw codedError("limit_calls", `More than ${limits.callsInFlight} host calls are in flight`);
    }
    account.hostCalls += 1;
    lastId += 1;
    const id = lastId;
    const send = () => post("host", account.id, id, method, text);
    queue.set(id, { account, units: text.length, send, resolve, reject });
    sendWaiting();
  });
}

/** In order, except that a call with nothing on its way never waits for others: they may wait for it. */
function sendWaiting(): void {
  for (const [id, call] of queue) {
    if (unitsOut + call.units > MAX_UNITS_OUT && call.account.hostCallsOut > 0) continue;
    queue.delete(id);
    // First, because it throws where the plugin has left no stack.
    call.send();
    waiting.set(id, call);
    unitsOut += call.units;
    call.account.hostCallsOut += 1;
  }
}

/** What has not left when its call is over is not asked any more. */
export function dropHostCalls(account: number): void {
  for (const [id, call] of queue) {
    if (call.account.id !== account) continue;
    queue.delete(id);
    call.account.hostCalls -= 1;
  }
}

/** `args` as a JSON array; arguments left out at the end are not sent as null. */
function argumentsText(args: readonly unknown[]): string {
  let length = args.length;
  while (length > 0 && args[length - 1] === undefined) length -= 1;
  return sendableText(args.slice(0, length), ARGUMENTS_DEPTH);
}

/** {@link jsonText} with an error that keeps its code when plugin code lets it through. */
export function sendableText(
  value: unknown,
  maxDepth?: number,
  maxBytes: number = limits.payloadBytes,
): string {
  try {
    return jsonText(value, maxBytes, maxDepth);
  } catch (error) {
    throw isUnsendable(error) ? codedError(error.code, error.message) : error;
  }
}

export function settleHostCall(id: number, ok: boolean, text: string): void {
  const call = waiting.get(id);
  if (call === undefined) return;
  waiting.delete(id);
  const { account } = call;
  account.hostCalls -= 1;
  account.hostCallsOut -= 1;
  unitsOut -= call.units;
  forgetWhenSettled(account);
  sendWaiting();
  const value = JSON.parse(text);
  if (ok) call.resolve(value);
  else call.reject(codedError(value.code, value.message));
}
