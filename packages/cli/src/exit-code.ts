import type { ErrorCode } from "@rising-bsm/protocol";

/** Exit codes that scripts rely on; `docs/errors.md` lists them for people. */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  invalid: 3,
  pluginFailed: 4,
  refused: 5,
  auth: 6,
  network: 7,
  conflict: 8,
  limit: 9,
  cancelled: 130,
} as const;

// The first match decides, so whole codes stand before the prefixes that would swallow them.
const RULES: readonly (readonly [prefix: string, exit: number])[] = [
  ["internal", EXIT.internal],
  ["disk_full", EXIT.internal],
  ["usage", EXIT.usage],
  ["request_", EXIT.usage],
  ["cursor_", EXIT.usage],
  ["bundle_", EXIT.invalid],
  ["manifest_", EXIT.invalid],
  ["image_", EXIT.invalid],
  ["markdown_", EXIT.invalid],
  ["signature_", EXIT.invalid],
  ["dependency_", EXIT.invalid],
  ["not_found", EXIT.invalid],
  ["plugin_not_found", EXIT.invalid],
  ["plugin_not_active", EXIT.invalid],
  ["plugin_threw", EXIT.pluginFailed],
  ["plugin_rejected_value", EXIT.pluginFailed],
  ["plugin_crashed", EXIT.limit],
  ["plugin_quarantined", EXIT.limit],
  ["host_busy", EXIT.limit],
  ["limit_", EXIT.limit],
  ["trust_", EXIT.refused],
  ["license_", EXIT.refused],
  ["permission_", EXIT.refused],
  ["auth_", EXIT.auth],
  ["network_", EXIT.network],
  ["unavailable", EXIT.network],
  ["schema_outdated", EXIT.network],
  ["log_ahead", EXIT.network],
  ["conflict_", EXIT.conflict],
  ["cancelled", EXIT.cancelled],
];

/** The process exit code of an error code. */
export function exitCode(code: ErrorCode): number {
  return RULES.find(([prefix]) => code.startsWith(prefix))?.[1] ?? EXIT.internal;
}
