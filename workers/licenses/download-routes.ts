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
import { downloadRefusal } from "./admit-download.ts";
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
  const { instanceId, release } = await findDownload(writeDatabase(c.env), {
    plugin,
    version,
    jkt,
  });
  if (instanceId === null) throw new RbsmError("license_unknown");
  if (release === null) throw new RbsmError("plugin_not_found");
  const now = Date.now();
  const claims = await verifyOwnLease(c.env, lease, jkt);
  if (claims.aud !== instanceId) throw new RbsmError("license_unknown");
  const refusal = downloadRefusal(claims, { plugin, publishedAt: release.publishedAt, jkt }, now);
  if (refusal !== null) throw new RbsmError(refusal);
  const expiresAtS = Math.floor(now / 1000) + DOWNLOAD_URL_SECONDS;
  const grant = { path: bundlePath(release.sha256), instanceId, expiresAtS };
  const secret = secretBytes(c.env, "DOWNLOAD_KEY");
  const link = release.paid ? await signDownloadUrl(secret, grant) : grant.path;
  const url = new URL(link, c.req.url).href;
  return c.json({ url, expiresAt: new Date(expiresAtS * 1000).toISOString() }, 200);
});
