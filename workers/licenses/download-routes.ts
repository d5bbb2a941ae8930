import {
  bundlePath,
  downloadRequestSchema,
  downloadResultSchema,
  RbsmError,
  verifyLease,
} from "@rising-bsm/protocol";
import type { LeaseClaims, LeaseTrust } from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import { DOWNLOAD_URL_SECONDS, signDownloadUrl } from "../downloads/download-url.ts";
import { secretBytes } from "../env.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, PROOF } from "../http.ts";
import { downloadRefusal } from "./admit-download.ts";
import { requireFreshProof } from "./instance-proof.ts";
import { findDownload } from "./queries.ts";
import { leaseKeys } from "./sign-lease.ts";

const downloadRoute = createRoute({
  method: "post",
  path: "/v1/downloads",
  middleware: [requireFreshProof] as const,
  security: PROOF,
  request: {
    body: jsonBody(downloadRequestSchema),
  },
  responses: {
    200: jsonAnswer(downloadResultSchema, "A link for this instance"),
    default: problemAnswer,
  },
});

/** The way from a lease to the bytes of a paid bundle. */
export const downloadRoutes = createRoutes().openapi(downloadRoute, async (c) => {
  const { plugin, version, lease } = c.req.valid("json");
  const { instanceKeyJkt: jkt } = c.get("proof");
  const { instanceId, release } = await findDownload(writeDatabase(c.env), {
    plugin,
    version,
    jkt,
  });
  if (instanceId === null) throw new RbsmError("license_unknown");
  if (release === null) throw new RbsmError("plugin_not_found");
  const now = Date.now();
  const claims = await readLease(lease, { keys: await leaseKeys(c.env), audience: instanceId });
  const refusal = downloadRefusal(claims, { plugin, publishedAt: release.publishedAt, jkt }, now);
  if (refusal !== null) throw new RbsmError(refusal);
  const expiresAtS = Math.floor(now / 1000) + DOWNLOAD_URL_SECONDS;
  const grant = { path: bundlePath(release.sha256), instanceId, expiresAtS };
  const secret = secretBytes(c.env, "DOWNLOAD_KEY");
  const link = release.paid ? await signDownloadUrl(secret, grant) : grant.path;
  const url = new URL(link, c.req.url).href;
  return c.json({ url, expiresAt: new Date(expiresAtS * 1000).toISOString() }, 200);
});

/** Every lease that does not verify is the same refusal as any other. */
async function readLease(lease: string, trust: LeaseTrust): Promise<LeaseClaims> {
  return verifyLease(lease, trust).catch((cause: unknown) => {
    throw new RbsmError(
      "license_unknown",
      "The lease does not verify for this instance",
      {},
      cause,
    );
  });
}
