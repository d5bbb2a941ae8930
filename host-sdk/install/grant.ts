import {
  type Finding,
  type Manifest,
  networkHost,
  networkPermission,
  normalizePermission,
  RbsmError,
} from "@rising-bsm/protocol";

/** What an administrator grants: everything that is asked for, or these codes. */
export type Grant = "requested" | readonly string[];

/** Throws `usage` for a grant that is none, which an application without types may pass. */
export function checkGrant(grant: unknown): void {
  if (grant !== "requested" && grant !== undefined) checkCodes(grant);
}

/** Throws `usage` for what is no list of codes. */
export function checkCodes(codes: unknown): void {
  if (Array.isArray(codes) && codes.every((code) => typeof code === "string")) return;
  throw new RbsmError("usage", "Permissions are granted as a list of codes", {
    fix: 'Write ["customers.view"], or grant: "requested" for all that is asked for.',
  });
}

/** A permission that a manifest asks for, by canonical code. */
export interface AskedPermission {
  readonly code: string;
  readonly optional: boolean;
}

/** Everything a manifest asks for: its permissions, and one `network:<host>` for each host. */
export function askedPermissions(manifest: Manifest): AskedPermission[] {
  const hosts = manifest.network.map((host) => ({
    code: networkPermission(host),
    optional: false,
  }));
  return [...manifest.permissions.map(({ code, optional }) => ({ code, optional })), ...hosts];
}

/**
 * The codes a plugin gets: what it asks for and what is granted. A required permission that is not
 * granted is `permission_not_granted`, with every such one as a finding: a plugin never runs with
 * less than it says it needs. `allowed` is what this host lets any plugin have.
 */
export function decideGrants(
  manifest: Manifest,
  grant: Grant,
  allowed?: readonly string[],
): string[] {
  const asked = askedPermissions(manifest);
  const wanted =
    grant === "requested" ? asked.map(({ code }) => code) : grant.flatMap(canonicalCodes);
  const given = allowed === undefined ? wanted : wanted.filter((code) => allowed.includes(code));
  const missing = asked.filter(({ code, optional }) => !optional && !given.includes(code));
  if (missing.length > 0) {
    throw new RbsmError(
      "permission_not_granted",
      `${manifest.name} needs permissions that were not granted`,
      {
        plugin: manifest.name,
        findings: missing.map(({ code }) => findingOf(manifest, code)),
        fix: `Grant ${missing.map(({ code }) => code).join(", ")}, or do not install ${manifest.name}.`,
      },
    );
  }
  return asked.map(({ code }) => code).filter((code) => given.includes(code));
}

function canonicalCodes(code: string): readonly string[] {
  return networkHost(code) === null ? normalizePermission(code) : [code];
}

function findingOf(manifest: Manifest, code: string): Finding {
  const index = manifest.permissions.findIndex((permission) => permission.code === code);
  return {
    rule: "permission_not_granted",
    path: index === -1 ? "network" : `permissions[${index}]`,
    message: `${code} is not granted`,
  };
}
