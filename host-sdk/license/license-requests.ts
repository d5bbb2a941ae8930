import {
  activationResultSchema,
  base64url,
  downloadResultSchema,
  instanceResultSchema,
  leaseResultSchema,
  signProof,
  type SigningKey,
  utf8,
} from "@rising-bsm/protocol";
import { z } from "zod";
import type { Marketplace, Prove } from "../client/marketplace.ts";

/** The part of the marketplace client that licensing needs. */
export type LicenseServer = Pick<Marketplace, "sendJson" | "url">;

/** Who asks: the instance's key, and the time to write into proofs (milliseconds since 1970). */
export interface Requester {
  readonly server: LicenseServer;
  readonly key: SigningKey;
  readonly now: () => number;
}

/** Ids of one request: `rid` makes it repeatable, `nonce` ties the answer's time to this process. */
export interface RequestIds {
  readonly rid: string;
  readonly nonce: string;
}

const returnedSchema = z.object({ returned: z.literal(true) });

/** Where a paid bundle can be fetched for some minutes. */
export type DownloadLink = z.output<typeof downloadResultSchema>;

/** A fresh id that nobody can guess. */
export function newRequestId(): string {
  return crypto.randomUUID();
}

/** Makes this instance known; the same key always gets the same id. */
export async function requestInstanceId(requester: Requester): Promise<string> {
  const { instanceId } = await requester.server.sendJson({
    method: "POST",
    path: "/v1/instances",
    body: { publicKey: base64url(requester.key.publicKey) },
    schema: instanceResultSchema,
    prove: proveWith(requester, { rid: newRequestId() }),
  });
  return instanceId;
}

/** Claims a license for this instance. */
export function requestActivation(
  requester: Requester,
  body: { licenseKey: string; plugin: string; instanceId: string },
  ids: RequestIds,
): Promise<z.output<typeof activationResultSchema>> {
  const prove = proveWith(requester, ids);
  const path = "/v1/licenses/activate";
  return requester.server.sendJson({
    method: "POST",
    path,
    body,
    schema: activationResultSchema,
    prove,
  });
}

/** Asks for the lease after `seq`. */
export async function requestRenewal(
  requester: Requester,
  { activationId, seq }: { activationId: string; seq: number },
  ids: RequestIds,
): Promise<string> {
  const { lease } = await requester.server.sendJson({
    method: "POST",
    path: "/v1/leases",
    body: { activationId, seq, rid: ids.rid },
    schema: leaseResultSchema,
    prove: proveWith(requester, ids),
  });
  return lease;
}

/** Shows the lease that is held; the answer is the newest one that either side knows. */
export async function requestResume(
  requester: Requester,
  { activationId, lease }: { activationId: string; lease: string },
  ids: RequestIds,
): Promise<string> {
  const answer = await requester.server.sendJson({
    method: "POST",
    path: `/v1/activations/${activationId}/resume`,
    body: { lease },
    schema: leaseResultSchema,
    prove: proveWith(requester, ids),
  });
  return answer.lease;
}

/** Signs that this lease was destroyed; whoever shows the receipt frees the seat. */
export function signReceipt(
  { key, now }: Pick<Requester, "key" | "now">,
  { activationId, lease }: { activationId: string; lease: string },
): Promise<string> {
  const about = { method: "RETURN", url: `urn:uuid:${activationId}`, body: utf8(lease) };
  return signProof({ ...about, rid: newRequestId(), now: new Date(now()) }, key);
}

/** Hands the receipt in. */
export async function requestReturn(
  requester: Requester,
  { activationId, receipt }: { activationId: string; receipt: string },
): Promise<void> {
  await requester.server.sendJson({
    method: "DELETE",
    path: `/v1/activations/${activationId}`,
    body: { receipt },
    schema: returnedSchema,
    prove: proveWith(requester, { rid: newRequestId() }),
  });
}

/** Exchanges a valid lease for a link to the bundle. */
export function requestDownload(
  requester: Requester,
  body: { plugin: string; version: string; lease: string },
): Promise<DownloadLink> {
  const prove = proveWith(requester, { rid: newRequestId() });
  return requester.server.sendJson({
    method: "POST",
    path: "/v1/downloads",
    body,
    schema: downloadResultSchema,
    prove,
  });
}

function proveWith({ key, now }: Requester, ids: { rid: string; nonce?: string }): Prove {
  return ({ method, url, body }) =>
    signProof({ method, url, body, ...ids, now: new Date(now()) }, key);
}
