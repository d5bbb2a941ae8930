import { RbsmError } from "@rising-bsm/protocol";
import type { BuiltBundle } from "../build/build-plugin.ts";
import { type Connection, request } from "./request.ts";

const UPLOAD_TIMEOUT_MS = 300_000;

/** What became of a published version. */
export interface Published {
  readonly status: string;
  readonly version: string;
  readonly sha256: string;
  readonly findings: readonly unknown[];
  /** The same bytes had been published before. */
  readonly unchanged: boolean;
}

/** Sends a bundle to the marketplace. Sending the same bytes again is harmless. */
export async function publishBundle(
  connection: Connection,
  bundle: BuiltBundle,
  onProgress: (sent: number) => void,
): Promise<Published> {
  const { name, version } = bundle.manifest;
  const { status, value } = await request(connection, {
    method: "PUT",
    path: `/v1/plugins/${name}/versions/${encodeURIComponent(version)}`,
    upload: { bytes: bundle.bytes, timeoutMs: UPLOAD_TIMEOUT_MS, onProgress },
  });
  const answer = publishAnswer(value);
  if (answer.sha256 !== bundle.sha256) {
    throw new RbsmError(
      "network_bad_answer",
      "The marketplace answered with another digest than was sent",
    );
  }
  return { ...answer, unchanged: status === 200 };
}
