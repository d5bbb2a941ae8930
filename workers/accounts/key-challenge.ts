import { RbsmError, base64url } from "@rising-bsm/protocol";
import { z } from "zod";
import { sealText, unsealText } from "../mac.ts";

const CHALLENGE_MS = 10 * 60 * 1000;
const PURPOSE = "key-challenge";

const challengeSchema = z.tuple([z.string(), z.int(), z.string()]);

/**
 * A challenge is stored nowhere: it is sealed, bound to one publisher and short-lived, and answering
 * it twice enrols the same key for the same publisher.
 */
export async function createChallenge(
  secret: Uint8Array<ArrayBuffer>,
  { publisher, now }: { publisher: string; now: number },
): Promise<{ challenge: string; expiresAt: number }> {
  const expiresAt = now + CHALLENGE_MS;
  const nonce = base64url(crypto.getRandomValues(new Uint8Array(16)));
  const text = JSON.stringify([publisher, expiresAt, nonce]);
  return { challenge: await sealText(secret, PURPOSE, text), expiresAt };
}

/** The publisher that the challenge was made for. Throws when it was not made here or is too old. */
export async function openChallenge(
  secret: Uint8Array<ArrayBuffer>,
  challenge: string,
  now: number,
): Promise<string> {
  const text = await unsealText(secret, PURPOSE, challenge);
  if (text === null) throw new RbsmError("request_invalid", "The challenge was not made here");
  const [publisher, expiresAt] = challengeSchema.parse(JSON.parse(text));
  if (expiresAt <= now) {
    throw new RbsmError("request_invalid", "The challenge has expired", { fix: "Ask for another" });
  }
  return publisher;
}
