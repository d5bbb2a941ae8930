import { openAccount } from "./accounts.ts";
import { codedError } from "./errors.ts";
import { domString } from "./web/web-idl.ts";
import { concatenated } from "./web/bytes.ts";

/**
 * Work that the runner does for the isolate at once, because plain JavaScript without a compiler is
 * too slow for it or has no means for it: text, base64, URLs by the standard, hashes. Sending one
 * costs about as much as 2,000 steps of a loop.
 */
export type Errand = (
  ...message: readonly [name: ErrandName, first: string, second: string, bytes: Uint8Array]
) => ErrandAnswer | typeof LATER;

export type ErrandName =
  | "parseUrl"
  | "setUrlPart"
  | "encodeUtf8"
  | "findEncoding"
  | "decodeText"
  | "toBase64"
  | "fromBase64"
  | "digest";

/** null: the input has no answer by the standard. */
export type ErrandAnswer = string | Uint8Array<ArrayBuffer> | null;

/** In place of an answer: others have waited for the runner for too long, ask again. */
export const LATER = false;

/** One thread of the child does the errands of all its plugins: what one call sends is bounded. */
const MAX_ERRANDS = 5_000;
const MAX_UNITS = 67_108_864;
/** Nobody else is served while one is done. */
const MAX_UNITS_EACH = 1_048_576;
/** What is longer goes in pieces of this, a multiple of what base64 counts in: 3 bytes, 4 digits. */
const PIECE = 98_304;

let send: Errand = () => null;

export function connectErrands(errand: Errand): void {
  send = errand;
}

interface ErrandInput {
  readonly first?: unknown;
  readonly second?: unknown;
  readonly bytes?: Uint8Array;
}

/**
 * Throws `limit_calls` past what one call may send. Only text and bytes leave: what a plugin has put
 * in place of a regular expression's answer is made into text here, where that is charged to it, and
 * bytes are copied, because with a part of a buffer all of it would be sent.
 */
function errand(name: ErrandName, input: ErrandInput): ErrandAnswer {
  const first = domString(input.first ?? "");
  const second = domString(input.second ?? "");
  const bytes = new Uint8Array(input.bytes ?? []);
  const account = openAccount();
  const units = first.length + second.length + bytes.byteLength;
  account.errands += 1;
  account.errandUnits += units;
  const tooMuch =
    units > MAX_UNITS_EACH || account.errands > MAX_ERRANDS || account.errandUnits > MAX_UNITS;
  if (tooMuch) throw codedError("limit_calls", "One call may not encode, parse or hash that much");
  for (;;) {
    const answer = send(name, first, second, bytes);
    if (answer !== LATER) return answer;
    sleep(cell, 0, 0, SLEEP_MS);
  }
}

/** Taken before the realm loses it. */
const sleep = Atomics.wait;
const cell = new Int32Array(new SharedArrayBuffer(4));
const SLEEP_MS = 1;

export function textErrand(name: ErrandName, input: ErrandInput): string | null {
  const answer = errand(name, input);
  return typeof answer === "string" ? answer : null;
}

/** Text of any length, each piece for itself: the bytes of all, or null when one has none. */
export function bytesOfText(name: ErrandName, given: unknown): Uint8Array<ArrayBuffer> | null {
  const text = domString(given);
  const parts: Uint8Array[] = [];
  for (let at = 0, end = 0; at < text.length; at = end) {
    end = pieceEnd(text, at + PIECE);
    const answer = errand(name, { first: text.slice(at, end) });
    if (!(answer instanceof Uint8Array)) return null;
    parts.push(answer);
  }
  return concatenated(parts);
}

/** Not in the middle of a character. */
function pieceEnd(text: string, end: number): number {
  const unit = text.charCodeAt(end - 1);
  return unit >= 0xd800 && unit <= 0xdbff ? end - 1 : end;
}

/**
 * Bytes of any length, each piece as a part of the whole, which its first option says: the answers,
 * or null when one has none.
 */
export function errandOfBytes(
  name: ErrandName,
  { first = "", second = "", bytes }: ErrandInput & { readonly bytes: Uint8Array },
): ErrandAnswer[] | null {
  const answers: ErrandAnswer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += PIECE) {
    const isEnd = at + PIECE >= bytes.length;
    const part = `${at === 0 ? "begin " : ""}${isEnd ? "end " : ""}${domString(second)}`;
    const answer = errand(name, { first, second: part, bytes: bytes.subarray(at, at + PIECE) });
    if (answer === null) return null;
    answers.push(answer);
  }
  return answers;
}
