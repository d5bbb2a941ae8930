import { openAccount } from "./accounts.ts";
import { codedError } from "./errors.ts";

/**
 * Work that the runner does for the isolate at once, because plain JavaScript without a compiler is
 * too slow for it or has no means for it: text, base64, URLs by the standard, hashes. Sending one
 * costs about as much as 2,000 steps of a loop.
 */
export type Errand = (
  ...message: readonly [name: ErrandName, first: string, second: string, bytes: Uint8Array]
) => ErrandAnswer;

export type ErrandName =
  | "parseUrl"
  | "setUrlPart"
  | "encodeUtf8"
  | "findEncoding"
  | "decodeText"
  | "toBase64"
  | "fromBase64"
  | "digest"
  | "hmac";

/** null: the input has no answer by the standard. */
export type ErrandAnswer = string | Uint8Array<ArrayBuffer> | null;

/** One thread of the child does the errands of all its plugins: what one call sends is bounded. */
const MAX_ERRANDS = 5_000;
const MAX_UNITS = 67_108_864;
const MAX_UNITS_EACH = 8_388_608;
const NO_BYTES = new Uint8Array();

let send: Errand = () => null;

export function connectErrands(errand: Errand): void {
  send = errand;
}

interface ErrandInput {
  readonly first?: string;
  readonly second?: string;
  readonly bytes?: Uint8Array;
}

/** Throws `limit_calls` past what one call may send. */
export function errand(name: ErrandName, input: ErrandInput): ErrandAnswer {
  const { first = "", second = "", bytes = NO_BYTES } = input;
  const account = openAccount();
  const units = first.length + second.length + bytes.byteLength;
  account.errands += 1;
  account.errandUnits += units;
  const tooMuch =
    units > MAX_UNITS_EACH || account.errands > MAX_ERRANDS || account.errandUnits > MAX_UNITS;
  if (tooMuch) throw codedError("limit_calls", "One call may not encode, parse or hash that much");
  return send(name, first, second, bytes);
}

export function textErrand(name: ErrandName, input: ErrandInput): string | null {
  const answer = errand(name, input);
  return typeof answer === "string" ? answer : null;
}

export function bytesErrand(name: ErrandName, input: ErrandInput): Uint8Array<ArrayBuffer> | null {
  const answer = errand(name, input);
  return answer instanceof Uint8Array ? answer : null;
}
