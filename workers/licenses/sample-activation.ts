import { env } from "cloudflare:workers";
import {
  activationResultSchema,
  leaseResultSchema,
  problemSchema,
  signProof,
  utf8,
  verifyLease,
  verifyRefusal,
} from "@rising-bsm/protocol";
import type { Bindings } from "../env.ts";
import { registerInstance, sendSigned } from "./sample-instance.ts";
import type { SampleInstance, Signed } from "./sample-instance.ts";
import { issue, PLUGIN } from "./sample-plugin.ts";
import { leaseKeys } from "./sign-lease.ts";

export function tryActivate(
  instance: SampleInstance,
  licenseKey: string,
  more: Partial<Signed> = {},
) {
  const body = { licenseKey, plugin: PLUGIN, instanceId: instance.id };
  return sendSigned(instance.key, "/v1/licenses/activate", { body, ...more });
}

export async function activate(
  instance: SampleInstance,
  licenseKey: string,
  more: Partial<Signed> = {},
) {
  return activationResultSchema.parse(await (await tryActivate(instance, licenseKey, more)).json());
}

export function tryRenew(
  instance: SampleInstance,
  body: { activationId: string; seq: number; rid: string },
) {
  return sendSigned(instance.key, "/v1/leases", { body, rid: body.rid });
}

export function tryResume(
  instance: SampleInstance,
  { activationId, lease }: { activationId: string; lease: string },
  more: Partial<Signed> = {},
) {
  const path = `/v1/activations/${activationId}/resume`;
  return sendSigned(instance.key, path, { body: { lease }, ...more });
}

/** The signed word of a refusal; null when there is none. */
export async function refusalOf(instance: SampleInstance, response: Response) {
  const { refusal } = problemSchema.parse(await response.json());
  if (refusal === undefined) return null;
  return verifyRefusal(refusal, { keys: await leaseKeys(env), audience: instance.id });
}

export async function leaseOf(response: Response): Promise<string> {
  return leaseResultSchema.parse(await response.json()).lease;
}

export async function claimsOf(instance: SampleInstance, lease: string) {
  return verifyLease(lease, { keys: await leaseKeys(env), audience: instance.id });
}

async function signReceipt({ key }: SampleInstance, held: { activationId: string; lease: string }) {
  const url = `urn:uuid:${held.activationId}`;
  const about = { method: "RETURN", url, body: utf8(held.lease), rid: crypto.randomUUID() };
  return signProof({ ...about, now: Date.now() }, key);
}

export async function giveBack(
  instance: SampleInstance,
  held: { activationId: string; lease: string },
  bindings: Bindings = env,
) {
  const receipt = await signReceipt(instance, held);
  const path = `/v1/activations/${held.activationId}`;
  return sendSigned(instance.key, path, { method: "DELETE", body: { receipt }, bindings });
}

/** A fresh license, active on a fresh instance. */
export async function activeLicense(plan = "pro") {
  const license = await issue(plan);
  const instance = await registerInstance();
  return { ...license, instance, ...(await activate(instance, license.licenseKey)) };
}
