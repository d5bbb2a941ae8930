import { base64url, signingKeyFromSeed, signProof, utf8 } from "@rising-bsm/protocol";
import type { SigningKey } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Bindings } from "../env.ts";
import { call, ORIGIN } from "../testing.ts";

/** A host as the Worker sees it: a key, an id, and requests signed with the key. */
export interface SampleInstance {
  readonly key: SigningKey;
  readonly id: string;
}

export interface Signed {
  readonly method?: "POST" | "DELETE";
  readonly body: unknown;
  readonly rid?: string;
  readonly nonce?: string;
  readonly bindings?: Bindings;
  /** Milliseconds since 1970 on the host's clock. */
  readonly now?: number;
  /** Where the request comes from, as the platform says. */
  readonly address?: string;
}

export function newKey(): Promise<SigningKey> {
  return signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
}

/** A request with the proof of this key. */
export async function sendSigned(key: SigningKey, path: string, signed: Signed): Promise<Response> {
  const { method = "POST", rid = crypto.randomUUID(), nonce, now = Date.now() } = signed;
  const body = utf8(JSON.stringify(signed.body));
  const proof = await signProof({ method, url: ORIGIN + path, body, rid, nonce, now }, key);
  const { address } = signed;
  const headers = {
    "Content-Type": "application/json",
    "Rbsm-Proof": proof,
    ...(address === undefined ? {} : { "CF-Connecting-IP": address }),
  };
  return call(path, { method, headers, body }, signed.bindings);
}

/** Registers a fresh key. */
export async function registerInstance(): Promise<SampleInstance> {
  const key = await newKey();
  const body = { publicKey: base64url(key.publicKey) };
  const answer = await sendSigned(key, "/v1/instances", { body });
  return { key, id: z.object({ instanceId: z.string() }).parse(await answer.json()).instanceId };
}
