import { BUNDLE_LIMITS, RbsmError, readBundle } from "@rising-bsm/protocol";
import { readBody } from "../http.ts";
import type { AppContext } from "../http.ts";
import { publishRelease } from "../publish/publish-release.ts";

/** What stands around the bundle in a form: the plugin's row as JSON, names and boundaries. */
const FORM_BYTES = 256 * 1024;

/**
 * Publishes the bundle of an upload form as the version that its manifest names. The row beside it
 * is not looked at: what counts is what the publisher signed.
 */
export async function publishUpload(c: AppContext) {
  const bytes = await readBundlePart(c);
  const { manifest } = await readBundle(bytes);
  const target = { plugin: manifest.name, version: manifest.version };
  const headers = { "Content-Length": String(bytes.length) };
  c.req.raw = new Request(c.req.url, { method: "PUT", headers, body: bytes });
  const { row } = await publishRelease(c, target);
  return {
    id: row.plugin,
    name: row.plugin,
    version: row.version,
    status: row.status === "in_review" ? "review" : "approved",
    checksum: row.sha256,
  };
}

async function readBundlePart(c: AppContext): Promise<Uint8Array<ArrayBuffer>> {
  const maxBytes = BUNDLE_LIMITS.fileBytes + FORM_BYTES;
  const body = await readBody(c.req.raw, { maxBytes, tooLarge: "bundle_too_large" });
  const form = await parseForm(c, body);
  const file: unknown = form.get("bundle");
  if (!(file instanceof Blob)) throw new RbsmError("request_invalid", "Bundle file is required");
  return new Uint8Array(await file.arrayBuffer());
}

async function parseForm(c: AppContext, body: Uint8Array<ArrayBuffer>): Promise<FormData> {
  const headers = { "Content-Type": c.req.header("content-type") ?? "" };
  try {
    return await new Response(body, { headers }).formData();
  } catch (cause) {
    throw new RbsmError("request_invalid", "The body is no upload form", {}, cause);
  }
}
