import { DOMException } from "./dom-exception.ts";

/**
 * Random bytes without a way to the host: ChaCha20 (RFC 8439 §2.3) keyed with 32 bytes of the
 * host's randomness when the isolate is made. After each block the key is replaced by half of the
 * output, so an earlier output cannot be computed from the state.
 */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
const QUARTERS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

let key = new Uint32Array(8);
let pool = new Uint8Array();
let used = 0;

/** `seed` is 64 hex digits. */
export function seedRandom(seed: string): void {
  key = Uint32Array.from({ length: 8 }, (_, at) =>
    Number.parseInt(seed.slice(at * 8, at * 8 + 8), 16),
  );
}

function nextBlock(): void {
  const input = Uint32Array.from([...CONSTANTS, ...key, 0, 0, 0, 0]);
  const state = input.slice();
  for (let round = 0; round < 10; round += 1)
    for (const quarter of QUARTERS) quarterRound(state, quarter);
  for (const [at, word] of input.entries()) state[at] = (state[at] ?? 0) + word;
  key = state.slice(0, 8);
  pool = new Uint8Array(state.buffer, 32);
  used = 0;
}

function quarterRound(state: Uint32Array, [a, b, c, d]: (typeof QUARTERS)[number]): void {
  mix(state, [a, b, d], 16);
  mix(state, [c, d, b], 12);
  mix(state, [a, b, d], 8);
  mix(state, [c, d, b], 7);
}

function mix(
  state: Uint32Array,
  [sum, term, turned]: readonly [number, number, number],
  bits: number,
): void {
  state[sum] = (state[sum] ?? 0) + (state[term] ?? 0);
  const word = (state[turned] ?? 0) ^ (state[sum] ?? 0);
  state[turned] = (word << bits) | (word >>> (32 - bits));
}

function nextByte(): number {
  if (used >= pool.length) nextBlock();
  used += 1;
  return pool[used - 1] ?? 0;
}

const MAX_BYTES = 65_536;

export function getRandomValues<T>(target: T): T {
  if (
    !ArrayBuffer.isView(target) ||
    target instanceof DataView ||
    target instanceof Float32Array ||
    target instanceof Float64Array
  ) {
    throw new TypeError("An integer typed array is needed");
  }
  if (target.byteLength > MAX_BYTES)
    throw new DOMException(`More than ${MAX_BYTES} bytes were asked for`, "QuotaExceededError");
  const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = nextByte();
  return target;
}

export function randomUUID(): string {
  const bytes = getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
