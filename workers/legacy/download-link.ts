import {
  base64url,
  bundlePath,
  fromBase64url,
  RbsmError,
  utf8,
  utf8Decode,
} from "@rising-bsm/protocol";
import { DOWNLOAD_URL_SECONDS, signDownloadUrl } from "../downloads/download-url.ts";
import { writeDatabase } from "../database.ts";
import { secretBytes } from "../env.ts";
import type { AppContext } from "../http.ts";
import { absoluteUrl } from "../plugin-address.ts";
import type { Version } from "../schema.ts";
import { storedManifest } from "../stored-manifest.ts";
import { findCovered } from "./queries.ts";
import { presentedSchema } from "./requests.ts";
import { hashHardware, runVerification } from "./run-verification.ts";

export interface Wanted {
  readonly plugin: string;
  readonly licenseKey?: string | null | undefined;
  readonly hardwareId?: string | null | undefined;
}

/** Where the newest release is that the caller may have, and the token that leads there too. */
export async function makeDownload(c: AppContext, wanted: Wanted) {
  const latest = await findCovered(writeDatabase(c.env), wanted.plugin, null);
  if (latest === null) throw new RbsmError("plugin_not_found", "Plugin not found");
  const expiresAtS = Math.floor(Date.now() / 1000) + DOWNLOAD_URL_SECONDS;
  const link = latest.paid
    ? await paidLink(c, { ...wanted, latest, expiresAtS })
    : bundlePath(latest.sha256);
  return {
    token: base64url(utf8(link)),
    url: absoluteUrl(c, link),
    expiresAt: new Date(expiresAtS * 1000).toISOString(),
  };
}

async function paidLink(
  c: AppContext,
  {
    plugin,
    licenseKey,
    hardwareId,
    latest,
    expiresAtS,
  }: Wanted & { readonly latest: Version; readonly expiresAtS: number },
): Promise<string> {
  const presented = presentedSchema.safeParse({ licenseKey, hardwareId, pluginId: plugin });
  if (!presented.success) throw refused(latest, presented.error.issues[0]?.message ?? "");
  const verdict = await runVerification(c, presented.data);
  if (!verdict.valid) throw refused(latest, verdict.error);
  const { updatesUntil } = verdict.known.license;
  const version = await findCovered(writeDatabase(c.env), plugin, updatesUntil);
  if (version === null) throw refused(latest, "License does not cover any version");
  const instanceId = `hardware:${await hashHardware(presented.data.hardwareId)}`;
  const grant = { path: bundlePath(version.sha256), instanceId, expiresAtS };
  return signDownloadUrl(secretBytes(c.env, "DOWNLOAD_KEY"), grant);
}

/** A private plugin is not there for who has no license of it. */
function refused(latest: Version, message: string): RbsmError {
  return storedManifest(latest).visibility === "private"
    ? new RbsmError("plugin_not_found", "Plugin not found")
    : new RbsmError("license_refused", message);
}

/** The path that a token leads to. Throws `not_found` for what is none. */
export function pathOfToken(token: string): string {
  const path = decodeToken(token);
  if (!/^\/b\/[0-9a-f]{64}\.rbsm(?:\?[\w=&%.-]*)?$/.test(path)) throw new RbsmError("not_found");
  return path;
}

function decodeToken(token: string): string {
  try {
    return utf8Decode(fromBase64url(token));
  } catch (cause) {
    throw new RbsmError("not_found", undefined, {}, cause);
  }
}
