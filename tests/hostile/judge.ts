import { isDeepStrictEqual } from "node:util";
import { RUNTIME_LIMITS } from "@rising-bsm/protocol";
import type { Json } from "@rising-bsm/protocol";
import type { Payload } from "./payload.ts";

/** What a laboratory saw of one payload. */
export interface Observation {
  readonly code: string;
  readonly result: Json;
  /** Result, error, log lines and state as text. */
  readonly seen: string;
  /** Longest turn of the host's event loop, in ms of its CPU. */
  readonly stallMs: number;
  /** How much later than the other host's the neighbour answered at worst, in ms. */
  readonly lateMs: number;
  /** Calls of a neighbour that failed or were answered wrongly. */
  readonly faults: readonly string[];
  readonly leftChildren: number;
  readonly ms: number;
}

/** What only the laboratory's parent can know. */
export interface Surroundings {
  /** Largest child while the payload ran, in MB. */
  readonly childMb: number;
  /** Texts that no plugin may get to see. */
  readonly secrets: readonly string[];
  /** How busy the machine is: 1 where work takes as long as its CPU. */
  readonly slowness: number;
}

/** What is wrong, in words; nothing when the payload was contained. */
export interface Verdict {
  /** Wrong whatever the machine does at the time. */
  readonly broken: readonly string[];
  /** Too slow: what a payload causes, it causes each time. */
  readonly slow: readonly string[];
}

const STALL_MS = 10;
const LATE_MS = 250;

/** Holds a payload against what has to come of it. */
export function judge(
  payload: Payload,
  observation: Observation,
  { childMb, secrets, slowness }: Surroundings,
): Verdict {
  const { seen, faults, leftChildren, stallMs, lateMs } = observation;
  const broken = [
    ...misanswered(payload, observation),
    ...secrets
      .filter((secret) => seen.includes(secret))
      .map((secret) => `a secret is visible: ${around(seen, secret)}`),
    ...faults.slice(0, 3).map((fault) => `the neighbour failed: ${fault}`),
  ];
  if (childMb > childCapMb()) broken.push(`a child took ${childMb.toFixed(0)} MB`);
  if (leftChildren > 0) broken.push(`${leftChildren} processes too many are left`);
  const slow: string[] = [];
  if (stallMs > (payload.stallMs ?? STALL_MS))
    slow.push(`the host's event loop was held up for ${stallMs} ms of CPU`);
  if (lateMs > LATE_MS * slowness) slow.push(`the neighbour answered ${lateMs} ms late`);
  return { broken, slow };
}

/** Another code or result than the payload has to get. */
export function misanswered(
  { expect, result: expected }: Payload,
  { code, result, seen }: Pick<Observation, "code" | "result" | "seen">,
): string[] {
  if (!expect.split("|").includes(code))
    return [`the code is ${code} instead of ${expect}: ${seen.slice(0, 500)}`];
  if (code !== "ok" || expected === undefined || isDeepStrictEqual(result, expected)) return [];
  return [`the result is ${JSON.stringify(result).slice(0, 2_000)}`];
}

function around(text: string, secret: string): string {
  const at = text.indexOf(secret);
  return text.slice(Math.max(0, at - 200), at + 200);
}

/** The cap that a shared child holds itself to, and what may be taken between two looks. */
export function childCapMb(): number {
  const { rssBaseMb, rssPerIsolateMb, rssSlackMb, rssGraceMb, isolatesPerChild } = RUNTIME_LIMITS;
  return rssBaseMb + rssPerIsolateMb * isolatesPerChild + rssSlackMb + rssGraceMb;
}
