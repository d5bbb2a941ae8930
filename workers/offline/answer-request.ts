import { OFFLINE_ANSWER_PATH, utf8, verifyOfflineRequest } from "@rising-bsm/protocol";
import type { LeaseClaims, OfflineAnswer, OfflineRequestFile } from "@rising-bsm/protocol";
import type { Bindings } from "../env.ts";
import { downloadRefusal } from "../licenses/admit-download.ts";
import { collectFiles } from "./collect-files.ts";
import { giveLease } from "./give-lease.ts";
import { writeArchive } from "./write-archive.ts";

/** Where a request is answered. */
export interface Answering {
  readonly env: Bindings;
  readonly requestId: string;
  /** Of whoever brings the file, as the platform names it. */
  readonly address: string | undefined;
}

export interface Answer {
  readonly archive: ReadableStream<Uint8Array>;
  /** Name for the file that a person saves. */
  readonly fileName: string;
}

/**
 * What a host without a network gets for its request: the lease, and the files that it verifies and
 * installs the plugin with. The same request again gets the same lease, with the files of the day.
 * Throws `license_file_invalid`, and what `giveLease` and `collectFiles` throw.
 */
export async function answerRequest(
  answering: Answering,
  file: OfflineRequestFile,
): Promise<Answer> {
  const { request, publicKey, instanceKeyJkt } = await verifyOfflineRequest(file);
  const { plugin, rid, nonce } = request;
  const proof = { instanceKeyJkt, publicKey, rid, nonce };
  const asked = { ...answering, proof, delivery: "offline" as const };
  const { activationId, lease, claims } = await giveLease(asked, request);
  const { files, version } = await collectFiles(answering.env, request, uncoveredBy(claims));
  const answer: OfflineAnswer = {
    format: "rbsm-license-answer/1",
    plugin,
    version,
    instanceId: claims.aud,
    activationId,
    lease,
  };
  const first = { path: OFFLINE_ANSWER_PATH, bytes: utf8(JSON.stringify(answer)) };
  return {
    archive: writeArchive(answering.env, [first, ...files]),
    fileName: `${plugin.slice(1).replace("/", "-")}.license.tar`,
  };
}

/** The same rule as for a download: what the lease does not open is not carried over either. */
function uncoveredBy(claims: LeaseClaims) {
  const { plugin } = claims;
  const { jkt } = claims.cnf;
  return ({ publishedAt }: { readonly publishedAt: string }): string | undefined => {
    const wanted = { plugin, jkt, publishedAt: Date.parse(publishedAt) };
    const refusal = downloadRefusal(claims, wanted, Date.now());
    return refusal === null ? undefined : "the license does not cover it";
  };
}
