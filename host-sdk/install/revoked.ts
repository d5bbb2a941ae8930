import {
  localText,
  RbsmError,
  type Revocation,
  type RevocableRelease,
  revocationsOf,
} from "@rising-bsm/protocol";
import type { VerifiedTrust } from "../trust/trust.ts";
import type { PluginRow, ReleaseRow } from "./rows.ts";

/** The two lists of revocations: only entries of the offline one can disable. */
export type RevocationLists = Pick<VerifiedTrust, "revocations" | "advisories">;

/** What the lists say about a release, the strictest first. */
export function advisoriesOn(release: RevocableRelease, lists: RevocationLists): Revocation[] {
  return revocationsOf(release, [...lists.revocations.entries, ...lists.advisories.entries]);
}

/**
 * What the lists say about any release, the strictest first: the lists are gone through once, so that
 * thousands of entries cost each plugin no more than its own.
 */
export function indexRevocations(
  lists: RevocationLists,
): (release: RevocableRelease) => Revocation[] {
  const all = [...lists.revocations.entries, ...lists.advisories.entries];
  const bySubject = Map.groupBy(all, ({ match }) => subjectOf(match));
  return (release) => {
    const subjects = new Set([release.plugin, release.sha256, release.publisherKeyId]);
    const entries = [...subjects].flatMap((subject) => bySubject.get(subject) ?? []);
    return revocationsOf(release, entries);
  };
}

function subjectOf(match: Revocation["match"]): string {
  if ("plugin" in match) return match.plugin;
  return "sha256" in match ? match.sha256 : match.publisherKeyId;
}

/** An installed release as revocations see it. */
export function revocable(name: PluginRow["name"], release: ReleaseRow): RevocableRelease {
  const { version, sha256, publisherKeyId, logIndex } = release;
  return { plugin: name, version, sha256, publisherKeyId, logIndex };
}

/** The refusal of a revoked release; `detail` has the entry's id, action, reason and advisory. */
export function revokedError(name: string, version: string, entry: Revocation): RbsmError {
  const { id, action, reason, advisory } = entry;
  return new RbsmError(
    "trust_revoked",
    `${name} ${version} is revoked: ${localText(reason, "en")}`,
    {
      plugin: name,
      id,
      action,
      reason,
      ...(advisory === undefined ? {} : { advisory }),
      fix: advisory === undefined ? "Choose another version." : `See ${advisory}`,
    },
  );
}
