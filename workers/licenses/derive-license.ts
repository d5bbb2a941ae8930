import { hashLicenseKey, newLicenseKey } from "@rising-bsm/protocol";
import { secretBytes } from "../env.ts";
import type { Bindings } from "../env.ts";
import { mac } from "../mac.ts";
import { uuidOf } from "../uuid.ts";

/** What makes a license this one. The key is for its buyer alone, and stored as its hash. */
export interface LicenseIdentity {
  readonly id: string;
  readonly licenseKey: string;
  readonly keyHash: string;
}

/**
 * Id and key of the license that is issued for this source, the same ones each time: an answer that
 * was lost can be given again although no key is stored.
 */
export async function deriveLicense(
  env: Bindings,
  source: readonly [kind: "order" | "request", ...of: string[]],
): Promise<LicenseIdentity> {
  const id = uuidOf(await mac(secretBytes(env, "ISSUE_KEY"), "license id", JSON.stringify(source)));
  return { id, ...(await deriveKey(env, source)) };
}

/** A license key alone, and its hash. */
export async function deriveKey(
  env: Bindings,
  source: readonly [kind: "order" | "request" | "transfer", ...of: string[]],
): Promise<Omit<LicenseIdentity, "id">> {
  const secret = secretBytes(env, "ISSUE_KEY");
  const bytes = await mac(secret, "license key", JSON.stringify(source));
  const licenseKey = newLicenseKey(bytes.subarray(0, 20));
  return { licenseKey, keyHash: await hashLicenseKey(licenseKey) };
}
