import { type PublishResult, publishResultSchema, RbsmError } from "@rising-bsm/protocol";
import type { BuiltBundle } from "../build/build-plugin.ts";
import { type Connection, request } from "./request.ts";

const UPLOAD_TIMEOUT_MS = 300_000;

/** What became of a published version; `unchanged` says that the same bytes were there before. */
export type Published = PublishResult & { readonly unchanged: boolean };

/** Sends a bundle to the marketplace. Sending the same bytes again is harmless. */
export async function publishBundle(
  connection: Connection,
  bundle: BuiltBundle,
  onProgress: (sent: number) => void,
): Promise<Published> {
  const { name, version } = bundle.manifest;
  const { status, value } = await request(connection, {
    method: "PUT",
    path: versionPath(name, version),
    upload: { bytes: bundle.bytes, timeoutMs: UPLOAD_TIMEOUT_MS, onProgress },
    answer: publishResultSchema,
  });
  if (value.sha256 !== bundle.sha256) {
    const message = "The marketplace answered with another digest than was sent";
    throw new RbsmError("network_bad_answer", message);
  }
  return { ...value, unchanged: status === 200 };
}

/** Path of a version in the API; the plugin's slash stays a slash. */
export function versionPath(plugin: string, version: string): string {
  return `/v1/plugins/${plugin}/versions/${encodeURIComponent(version)}`;
}
