import { base64url, fromBase64url } from "@rising-bsm/protocol";
import { checkMac, mac } from "../mac.ts";

/** How long a link to a paid or private bundle is good for. */
export const DOWNLOAD_URL_SECONDS = 600;

const PURPOSE = "download";
/** Part of what is signed, so that a change of key ends every older link. */
const KEY_VERSION = "1";

export interface DownloadGrant {
  /** Path of the bundle: `/b/<sha256>.rbsm`. */
  readonly path: string;
  readonly instanceId: string;
  readonly expiresAtS: number;
}

/** Path and query that lets this one instance fetch this one bundle until the grant ends. */
export async function signDownloadUrl(
  secret: Uint8Array<ArrayBuffer>,
  grant: DownloadGrant,
): Promise<string> {
  const query = new URLSearchParams({
    e: String(grant.expiresAtS),
    i: grant.instanceId,
    m: base64url(await mac(secret, PURPOSE, signedText(grant))),
  });
  return `${grant.path}?${query.toString()}`;
}

/** Whether the URL carries a grant made here that has not ended. Other query parameters are ignored. */
export async function verifyDownloadUrl(
  secret: Uint8Array<ArrayBuffer>,
  url: URL,
  now: Date,
): Promise<boolean> {
  const expires = url.searchParams.get("e") ?? "";
  const tag = url.searchParams.get("m") ?? "";
  if (!/^\d{1,12}$/.test(expires) || !/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/.test(tag))
    return false;
  const grant = {
    path: url.pathname,
    instanceId: url.searchParams.get("i") ?? "",
    expiresAtS: Number(expires),
  };
  if (grant.expiresAtS * 1000 <= now.getTime()) return false;
  const signed = { purpose: PURPOSE, message: signedText(grant) };
  return checkMac(secret, signed, fromBase64url(tag));
}

function signedText({ path, instanceId, expiresAtS }: DownloadGrant): string {
  return JSON.stringify([path, expiresAtS, instanceId, KEY_VERSION]);
}
