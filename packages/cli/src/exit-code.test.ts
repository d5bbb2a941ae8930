import { ERRORS, type ErrorCode, isErrorCode } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { exitCode } from "./exit-code.ts";

const CODES = Object.keys(ERRORS).filter(isErrorCode);

test.each([
  ["internal", 1],
  ["usage", 2],
  ["bundle_corrupt", 3],
  ["manifest_invalid", 3],
  ["signature_missing", 3],
  ["plugin_not_found", 3],
  ["plugin_not_active", 3],
  ["plugin_threw", 4],
  ["plugin_rejected_value", 4],
  ["trust_revoked", 5],
  ["license_expired", 5],
  ["permission_denied", 5],
  ["auth_required", 6],
  ["network_timeout", 7],
  ["conflict_version_exists", 8],
  ["limit_cpu", 9],
  ["plugin_crashed", 9],
  ["plugin_quarantined", 9],
  ["host_busy", 9],
  ["cancelled", 130],
] satisfies [ErrorCode, number][])("%s exits with %i", (code, exit) => {
  expect(exitCode(code)).toBe(exit);
});

test("only `internal` and `disk_full` exit with 1: every other code has its own meaning", () => {
  expect(CODES.filter((code) => exitCode(code) === 1)).toEqual(["internal", "disk_full"]);
});

test.each(CODES)("%s follows its prefix", (code) => {
  const prefix = [
    "bundle_",
    "manifest_",
    "signature_",
    "trust_",
    "license_",
    "permission_",
    "auth_",
    "network_",
    "conflict_",
    "limit_",
  ].find((candidate) => code.startsWith(candidate));
  const expected = {
    bundle_: 3,
    manifest_: 3,
    signature_: 3,
    trust_: 5,
    license_: 5,
    permission_: 5,
    auth_: 6,
    network_: 7,
    conflict_: 8,
    limit_: 9,
  };
  if (prefix !== undefined) expect(exitCode(code)).toBe(Reflect.get(expected, prefix));
});
