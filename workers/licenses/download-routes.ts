import {
  bundlePath,
  downloadRequestSchema,
  downloadResultSchema,
  RbsmError,
} from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import { DOWNLOAD_URL_SECONDS, signDownloadUrl } from "../downloads/download-url.ts";
import { secretBytes } from "../env.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, PROOF } from "../http.ts";
import { downloadRefusal, withdrawalRefusal } from "./admit-download.ts";
import { requireFreshProof } from "./instance-proof.ts";
import { findDownload } from "./queries.ts";
import { verifyOwnLease } from "./verify-own-lease.ts";

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
  const claims = await verifyOwnLease(c.env, lease, jkt);
  const wanted = { plugin, version, jkt, licenseId: claims.sub };
  const { instanceId, release, leased } = await findDownload(writeDatabase(c.env), wanted);
  if (claims.aud !== instanceId) throw new RbsmError("license_unknown");
  const now = Date.now();
  const asked = { plugin, publishedAt: release?.publishedAt ?? null, jkt };
  const refusal = downloadRefusal(claims, asked, now) ?? withdrawalRefusal(claims, leased, now);
  // Whoever has no license of the plugin does not learn whether there is such a release.
  if (refusal !== null) throw new RbsmError(refusal);
  if (release === null) throw new RbsmError("plugin_not_found");
  const expiresAtS = Math.floor(now / 1000) + DOWNLOAD_URL_SECONDS;
  const grant = { path: bundlePath(release.sha256), instanceId, expiresAtS };
  const secret = secretBytes(c.env, "DOWNLOAD_KEY");
  const link = release.paid ? await signDownloadUrl(secret, grant) : grant.path;
  const url = new URL(link, c.req.url).href;
  return c.json({ url, expiresAt: new Date(expiresAtS * 1000).toISOString() }, 200);
});
