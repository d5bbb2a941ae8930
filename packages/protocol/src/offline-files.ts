import { z } from "zod";
import { fromBase64url, parseJson } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { keyThumbprint, publicJwk, publicJwkSchema, signJws, verifyJws } from "./jws.ts";
import type { SigningKey } from "./keys.ts";
import { OFFLINE_LIMITS, TRUST_LIMITS, VERSION_LIMITS } from "./limits.ts";
import { pluginNameSchema } from "./plugin-name.ts";
import { KEY_NAME } from "./signed-note.ts";

/**
 * The two files that license a host without a network: a request that it signs, carried out, and the
 * marketplace's answer, an archive (`tar.ts`) carried back in. docs/spec/offline-license.md.
 */

/** Header `typ` of the request's token. */
export const OFFLINE_REQUEST_TYP = "rbsm-license-request+jwt";

const id = z.string().min(1).max(128);
const place = z.int().nonnegative();

/** What a request file says. */
export const offlineRequestSchema = z.strictObject({
  plugin: pluginNameSchema,
  /** An exact version, a range or a channel; the newest that the license covers when left out. */
  version: z.string().min(1).max(VERSION_LIMITS.rangeLength).optional(),
  /** A license to claim, or the lease to renew. */
  license: z.union([
    z.strictObject({ key: z.string().min(1).max(100) }),
    z.strictObject({
      activationId: id,
      seq: z.int().min(1),
      lease: z.string().min(1).max(TRUST_LIMITS.tokenBytes),
    }),
  ]),
  /** The same for every copy of one request: it is answered with the same lease. */
  rid: id,
  /** Comes back inside the lease. */
  nonce: id,
  /** Seconds since 1970 by the host's clock. */
  iat: place,
  /** What the host has, as manifests name it under `engines`. */
  engines: z.record(z.string().max(32), z.string().max(VERSION_LIMITS.versionLength)),
  /** Versions of the trust metadata that the host knows; 0 for none. */
  tuf: z.strictObject({ root: place, timestamp: place }),
  /** How much of each log the host has seen. */
  logs: z.array(z.strictObject({ origin: z.string().regex(KEY_NAME), size: place })).max(16),
});

/** What a request file says. */
export type OfflineRequest = z.output<typeof offlineRequestSchema>;

/** The request file itself. */
export const offlineRequestFileSchema = z.strictObject({
  format: z.literal("rbsm-license-request/1"),
  request: z.string().min(1).max(OFFLINE_LIMITS.requestBytes),
});

/** The request file itself. */
export type OfflineRequestFile = z.output<typeof offlineRequestFileSchema>;

/** Signs a request with the instance key. Throws `usage` for what a request cannot say. */
export async function signOfflineRequest(
  request: OfflineRequest,
  instanceKey: SigningKey,
): Promise<OfflineRequestFile> {
  const header = { typ: OFFLINE_REQUEST_TYP, jwk: publicJwk(instanceKey.publicKey) };
  const { data, error } = offlineRequestSchema.safeParse(request);
  if (data === undefined) {
    const [{ path, message } = { path: [], message: "" }] = error.issues;
    throw new RbsmError(
      "usage",
      `A license request cannot say this: ${path.join(".")}: ${message}`,
    );
  }
  const token = await signJws(header, data, instanceKey);
  return { format: "rbsm-license-request/1", request: token };
}

/** Reads a request file without verifying its signature. Throws `license_file_invalid`. */
export function parseOfflineRequest(bytes: Uint8Array | string): OfflineRequestFile {
  const limits = { maxBytes: OFFLINE_LIMITS.requestBytes, uniqueKeys: true } as const;
  const json = parseJson(bytes, { ...limits, code: "license_file_invalid" });
  const parsed = offlineRequestFileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new RbsmError("license_file_invalid", "The file is not a license request", {
    fix: "Make one on the host: rising-bsm license request PLUGIN --data-dir DIR --out FILE",
  });
}

/** A verified request, and the key that signed it. */
export interface VerifiedOfflineRequest {
  readonly request: OfflineRequest;
  readonly publicKey: Uint8Array;
  /** Thumbprint of the key. */
  readonly instanceKeyJkt: string;
}

const requestHeader = z.strictObject({
  alg: z.literal("Ed25519"),
  typ: z.literal(OFFLINE_REQUEST_TYP),
  jwk: publicJwkSchema,
});

/**
 * Verifies that the key in the request's header has signed it. Whose key that is, whether it is an
 * acceptable one (`assertPublicKey`), and what it may have, is for the caller. Throws
 * `license_file_invalid`.
 */
export async function verifyOfflineRequest({
  request,
}: OfflineRequestFile): Promise<VerifiedOfflineRequest> {
  const { claims, publicKey } = await verifyJws(request, {
    code: "license_file_invalid",
    header: requestHeader,
    claims: offlineRequestSchema,
    publicKey: ({ jwk }) => fromBase64url(jwk.x),
    maxBytes: OFFLINE_LIMITS.requestBytes,
  });
  return { request: claims, publicKey, instanceKeyJkt: await keyThumbprint(publicKey) };
}

/** Path of what the answer says; the first file of the archive. */
export const OFFLINE_ANSWER_PATH = "license/answer.json";

const offlineAnswerSchema = z.strictObject({
  format: z.literal("rbsm-license-answer/1"),
  plugin: pluginNameSchema,
  /** The release that the archive holds; null when it is the lease alone. */
  version: z.string().min(1).max(VERSION_LIMITS.versionLength).nullable(),
  instanceId: id,
  activationId: id,
  lease: z.string().min(1).max(TRUST_LIMITS.tokenBytes),
});

/** What an answer says; only the lease in it is signed. */
export type OfflineAnswer = z.output<typeof offlineAnswerSchema>;

/** Reads the archive's first file. Throws `license_file_invalid`. */
export function parseOfflineAnswer(bytes: Uint8Array): OfflineAnswer {
  const limits = { maxBytes: OFFLINE_LIMITS.requestBytes, uniqueKeys: true } as const;
  const json = parseJson(bytes, { ...limits, code: "license_file_invalid" });
  const parsed = offlineAnswerSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new RbsmError("license_file_invalid", "The file is not a license answer", {
    fix: "Have the request answered again, and carry the new file over.",
  });
}

/** Folders of a marketplace that an answer may hold files of. */
const FOLDERS = ["tuf", "index", "log", "b"];

/** Whether a file of this path belongs into an answer, after its first one. */
export function isAnswerPath(path: string): boolean {
  return FOLDERS.some((folder) => path.startsWith(`${folder}/`));
}
