import { ARGUMENTS_DEPTH, isUnsendable, jsonText } from "../../runtime/json-text.ts";
import { findAccount, forgetWhenSettled, openAccount } from "./accounts.ts";
import { codedError } from "./errors.ts";
import { limits, post } from "./port.ts";

interface Waiting {
  readonly account: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

const waiting = new Map<number, Waiting>();
let lastId = 0;

/** Asks the host; the promise settles in a later turn of the same account. */
export function hostCall(method: string, args: readonly unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const account = openAccount();
    if (account.hostCalls >= limits.callsInFlight) {
      throw codedError("limit_calls", `More than ${limits.callsInFlight} host calls are in flight`);
    }
    const text = argumentsText(args);
    account.hostCalls += 1;
    lastId += 1;
    waiting.set(lastId, { account: account.id, resolve, reject });
    post("host", account.id, lastId, method, text);
  });
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
  const account = findAccount(call.account);
  if (account !== undefined) {
    account.hostCalls -= 1;
    forgetWhenSettled(account);
  }
  const value = JSON.parse(text);
  if (ok) call.resolve(value);
  else call.reject(codedError(value.code, value.message));
}
