import { env } from "cloudflare:workers";
import { ownReviewsSchema, REVIEW_LIMITS, reviewSchema, signProof } from "@rising-bsm/protocol";
import type { Review, ReviewInput, SigningKey } from "@rising-bsm/protocol";
import { dayOf } from "../beacons/day.ts";
import { registerInstance, sendSigned } from "../licenses/sample-instance.ts";
import type { SampleInstance, Signed } from "../licenses/sample-instance.ts";
import { call, ORIGIN } from "../testing.ts";

/** An instance of which it was counted, some days ago, that it has the plugin. */
export async function holderOf(
  plugin: string,
  { version = "1.0.0", daysAgo = 2 }: { version?: string; daysAgo?: number } = {},
): Promise<SampleInstance> {
  const instance = await registerInstance();
  await env.DB.prepare(
    "INSERT INTO installations (instance_id, plugin, version, first_day, installed) VALUES (?, ?, ?, ?, 1)",
  )
    .bind(instance.id, plugin, version, dayOf(Date.now()) - daysAgo)
    .run();
  return instance;
}

/** Lets the time pass in which no review of another major version may stand beside those there are. */
export async function letMajorsPass(): Promise<void> {
  await env.DB.prepare("UPDATE reviews SET created_at = created_at - ?")
    .bind(REVIEW_LIMITS.betweenMajorsMs + 60_000)
    .run();
}

let seconds = 0;

/** A time for a proof that is a second after the one before: the order of requests is that of their proofs. */
export function nextSecond(): number {
  seconds += 1;
  return Date.now() + (seconds % 200) * 1_000;
}

export type Sending = Omit<Signed, "body" | "method"> & { readonly key: SigningKey };

export function sendReview(
  plugin: string,
  review: ReviewInput,
  { key, ...signed }: Sending,
): Promise<Response> {
  const path = `/v1/plugins/${plugin}/reviews`;
  return sendSigned(key, path, { now: nextSecond(), ...signed, body: review });
}

/** The review as the marketplace stored it. */
export async function review(plugin: string, said: ReviewInput, sending: Sending): Promise<Review> {
  const answer = await sendReview(plugin, said, sending);
  if (!answer.ok) throw new Error(await answer.text());
  return reviewSchema.parse(await answer.json());
}

export async function ownReviews(plugin: string, key: SigningKey): Promise<Review[]> {
  const path = `/v1/plugins/${plugin}/reviews/own`;
  const rid = crypto.randomUUID();
  const request = { method: "GET", url: ORIGIN + path, body: new Uint8Array(), rid };
  const proof = await signProof({ ...request, now: Date.now() }, key);
  const answer = await call(path, { headers: { "Rbsm-Proof": proof } });
  return ownReviewsSchema.parse(await answer.json()).items;
}
