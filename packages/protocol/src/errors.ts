/**
 * Every refusal of the plugin system: code → HTTP status, one-line meaning and whether the precise
 * code may be shown to a caller of the marketplace. Private codes reach HTTP callers as
 * `license_refused` (licenses) or `auth_refused` (tokens); the precise one goes to the log.
 */
export const ERRORS = {
  internal: [500, "Something failed that is our fault", true],
  disk_full: [507, "The disk is full", true],
  usage: [400, "The command or request was used wrongly", true],
  cancelled: [499, "The caller cancelled the work", true],

  bundle_too_large: [422, "The bundle, an entry or the unpacked whole is over a size limit", true],
  bundle_truncated: [422, "The bundle ends before it is complete", true],
  bundle_legacy: [422, "This is a legacy RBSM v1 bundle: rebuild it with `rising-bsm build`", true],
  bundle_not_zip: [422, "The bytes are not a .rbsm bundle", true],
  bundle_structure: [422, "The ZIP structure breaks the strict bundle profile", true],
  bundle_entry_name: [422, "An entry name breaks the strict bundle profile", true],
  bundle_corrupt: [422, "An entry does not match its size or checksum", true],
  bundle_missing_entry: [422, "A file that the bundle must hold is missing", true],
  bundle_build_failed: [422, "The plugin's sources cannot be bundled", true],
  bundle_secret: [422, "The plugin folder holds a file that looks like a secret", true],
  bundle_digest_mismatch: [422, "The bundle's bytes are not those that were announced", true],

  manifest_missing: [422, "The bundle has no manifest.json at its root", true],
  manifest_invalid: [422, "The manifest is not valid", true],
  manifest_duplicate_network: [422, "Network hosts belong under `network` only", true],
  manifest_mismatch: [422, "The manifest is for another plugin or version than requested", true],

  image_invalid: [422, "An icon or screenshot is not an image that may be shown", true],
  markdown_invalid: [422, "A README or changelog cannot be shown", true],

  signature_missing: [422, "The bundle is not signed", true],
  signature_invalid: [422, "The signature does not verify", true],
  signature_key_rejected: [422, "The public key is not acceptable", true],
  signature_untrusted_key: [422, "The signature was made by a key that is not trusted here", true],

  plugin_not_found: [404, "There is no such plugin or version", true],
  plugin_not_active: [409, "The plugin is not active", true],
  plugin_threw: [502, "The plugin threw an error", true],
  plugin_rejected_value: [422, "The value cannot cross between plugin and host", true],
  plugin_crashed: [502, "The process that ran the plugin ended", true],
  plugin_quarantined: [503, "The plugin was switched off after repeated crashes", true],
  host_busy: [503, "The host has no capacity for this call now", true],

  permission_denied: [403, "The permission is not granted", true],
  permission_not_granted: [403, "The plugin needs permissions that were not granted", true],

  limit_wall: [504, "The call took longer than its wall time limit", true],
  limit_cpu: [504, "The call used more than its CPU time limit", true],
  limit_memory: [507, "The plugin used more than its memory limit", true],
  limit_payload: [413, "A value is over the payload limit", true],
  limit_calls: [429, "The plugin made more host calls than allowed", true],
  limit_storage: [507, "The plugin's storage quota is used up", true],
  limit_log: [429, "The plugin logged more than allowed", true],
  limit_body: [413, "The request body is over its limit", true],
  limit_rate: [429, "Too many requests", true],

  trust_root_invalid: [422, "The trust root is not valid", true],
  trust_metadata_invalid: [422, "The trust metadata does not verify", true],
  trust_metadata_expired: [422, "The trust metadata has expired", true],
  trust_release_invalid: [422, "The release statement does not verify", true],
  trust_rollback: [
    409,
    "The marketplace offers an older state than this host has already seen",
    true,
  ],
  trust_publisher_changed: [
    409,
    "The publisher's keys changed since this plugin was installed",
    true,
  ],
  trust_key_revoked: [
    403,
    "The release is signed with a key that its publisher had revoked before",
    true,
  ],
  trust_revoked: [403, "The release is revoked", true],
  trust_log_invalid: [422, "The log's proof, checkpoint or tile does not verify", true],
  trust_log_fork: [409, "The log shows this host another history than before", true],
  trust_incompatible: [422, "The plugin does not support this host version", true],

  dependency_conflict: [409, "The plugins' version ranges cannot be met together", true],
  dependency_missing: [422, "A plugin that this one depends on cannot be found", true],

  license_required: [402, "The plugin needs a license key", true],
  license_refused: [403, "The license was refused", true],
  license_invalid: [403, "The lease does not verify", true],
  license_expired: [403, "The license has expired", true],
  license_unknown: [403, "There is no such license", false],
  license_wrong_plugin: [403, "The license is for another plugin", false],
  license_suspended: [403, "The license is suspended", false],
  license_revoked: [403, "The license is revoked", false],
  license_no_seat: [403, "Every seat of the license is taken", false],
  license_ended: [403, "The license ran out", false],
  license_trial_used: [403, "This instance has had its trial of the plugin", false],
  license_disputed: [403, "The payment of the license is disputed", false],
  license_refunded: [403, "The payment of the license was returned", false],
  license_returned: [403, "The activation was returned", false],
  license_not_covered: [403, "The license does not cover this version", false],
  license_instance_key: [500, "The instance key on this host's disk is damaged", true],
  license_file_invalid: [422, "The offline license file is not valid", true],
  license_conflict: [409, "The lease was already renewed by another request", true],

  auth_required: [401, "The request needs a token", true],
  auth_refused: [401, "The token was refused", true],
  auth_unknown_token: [401, "The token is not known", false],
  auth_expired_token: [401, "The token has expired", false],
  auth_scope: [403, "The token does not allow this", true],
  auth_proof_invalid: [401, "The instance proof does not verify", true],
  auth_not_held: [403, "The instance has not had the plugin for long enough", true],

  conflict_version_exists: [409, "This version exists already with other bytes", true],
  conflict_exists: [409, "It exists already", true],
  conflict_name: [409, "The name is reserved or looks like another: a person decides", true],
  conflict_removed: [409, "The plugin was removed; its name is never given again", true],
  conflict_state: [409, "The current state does not allow this", true],
  conflict_row_version: [409, "The row was changed by someone else", true],
  conflict_locked: [409, "Another process works on this data directory", true],

  network_unreachable: [502, "The other side cannot be reached", true],
  network_timeout: [504, "The other side did not answer in time", true],
  network_interrupted: [502, "The connection broke before the answer was complete", true],
  network_bad_answer: [502, "The other side sent an answer that is not valid", true],
  network_too_large: [502, "The other side sent more than may be received", true],
  network_port_in_use: [409, "The port is in use", true],

  request_invalid: [400, "The request is not valid", true],
  request_method: [405, "The method is not one of those that this address answers", true],
  request_range: [416, "The range lies outside of what is there", true],
  request_length: [411, "The request needs a Content-Length that matches its body", true],
  cursor_invalid: [400, "The cursor is not valid", true],
  cursor_expired: [410, "The cursor has expired: start again from the first page", true],
  not_found: [404, "There is nothing here", true],
  schema_outdated: [503, "The database is older than the Worker: run the migrations", true],
  log_ahead: [503, "The published log is ahead of the database: run `npm run log-recover`", true],
  unavailable: [503, "A part of the marketplace is not available now", true],
} as const satisfies Record<string, readonly [status: number, meaning: string, isPublic: boolean]>;

/** A code of the table. */
export type ErrorCode = keyof typeof ERRORS;

/** One thing that is wrong, for a person: where, what, and how to mend it. */
export interface Finding {
  /** Stable code of the rule, e.g. `manifest_unknown_key`. */
  readonly rule: string;
  /** Path of the value inside its document, e.g. `permissions[0].code`; empty for the whole. */
  readonly path: string;
  readonly message: string;
  readonly fix?: string;
}

/** What an error carries beside its message. */
export interface ErrorDetail {
  readonly fix?: string;
  readonly findings?: readonly Finding[];
  readonly [key: string]: unknown;
}

/** The only error that leaves this project's public functions. Switch on `code`. */
export class RbsmError extends Error {
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  // oxlint-disable-next-line max-params -- the cause comes last, as in every Error
  constructor(code: ErrorCode, message?: string, detail: ErrorDetail = {}, cause?: unknown) {
    super(message ?? ERRORS[code][1], cause === undefined ? undefined : { cause });
    this.name = "RbsmError";
    this.code = code;
    this.detail = detail;
  }

  /** HTTP status of the code. */
  get status(): number {
    return ERRORS[this.code][0];
  }
}

/** Whether the value is a code of the table. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}
