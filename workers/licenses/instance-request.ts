import type { Context } from "hono";
import type { Bindings } from "../env.ts";
import type { Delivery } from "./grant-lease.ts";
import type { InstanceProof, ProvenEnv } from "./instance-proof.ts";

/** What an instance asks for, with a proof that was verified, and how the answer reaches it. */
export interface InstanceRequest {
  readonly env: Bindings;
  readonly proof: Pick<InstanceProof, "instanceKeyJkt" | "publicKey" | "rid" | "nonce">;
  readonly requestId: string;
  /** Of whoever sent it, as the platform names it. */
  readonly address: string | undefined;
  readonly delivery: Delivery;
}

/** The request of an instance that is answered at once. */
export function onlineRequest(c: Context<ProvenEnv>): InstanceRequest {
  const { env } = c;
  const address = c.req.header("cf-connecting-ip");
  return { env, proof: c.get("proof"), requestId: c.get("requestId"), address, delivery: "online" };
}
