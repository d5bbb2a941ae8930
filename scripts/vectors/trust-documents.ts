import {
  revocationsOf,
  type RevocableRelease,
  type Revocation,
  shardTarget,
  targetPath,
} from "../../packages/protocol/src/index.ts";

const NAMES = ["@acme/hello", "@acme/hello-2", "@rising-bsm/calendar"];
const sha256 = "ab".repeat(32);

/** Vectors of docs/spec/trust-metadata.md. */
export async function trustMetadataVectors() {
  return {
    shards: await Promise.all(
      NAMES.map(async (plugin) => ({ plugin, target: await shardTarget(plugin) })),
    ),
    paths: ["service-keys.json", "catalog/ab.json", "catalog/advisories.json"].map((target) => ({
      target,
      sha256,
      path: targetPath(target, sha256),
    })),
  };
}

const release: RevocableRelease = {
  plugin: "@acme/hello",
  version: "1.2.3",
  sha256,
  publisherKeyId: "cd".repeat(32),
  logIndex: 40,
};

const entry = {
  id: "RBSA-2026-0001",
  reason: { en: "It sends customers' data away", de: "Es sendet Kundendaten weg" },
  advisory: "https://rising-bsm.com/advisories/RBSA-2026-0001",
  issuedAt: "2026-01-02T03:04:05Z",
} as const;

const range = (versions: string): Revocation["match"] => ({ plugin: release.plugin, versions });
const key = (fromIndex: number): Revocation["match"] => ({
  publisherKeyId: release.publisherKeyId,
  fromIndex,
});

/** What entries speak of, and the release that they are held against. */
const MATCHES: readonly (readonly [Revocation["match"], Partial<RevocableRelease>?])[] = [
  [{ sha256 }],
  [{ sha256: "00".repeat(32) }],
  [range("<1.2.4")],
  [range("<1.2.3")],
  [range("<1.2.3"), { version: "1.2.3-rc.1" }],
  [range(">=1.2.3"), { version: "1.2.3-rc.1" }],
  [range("1.2.3"), { version: "1.2.3+build.5" }],
  [range("*"), { version: "0.0.0-alpha" }],
  [range("*"), { plugin: "@acme/other" }],
  [key(40)],
  [key(41)],
  [key(41), { logIndex: null }],
];

/** Vectors of docs/spec/revocation.md. */
export function revocationVectors() {
  const revoke = (match: Revocation["match"], action: Revocation["action"]): Revocation => ({
    ...entry,
    match,
    action,
  });
  return {
    list: {
      type: "https://rising-bsm.com/revocations/v1",
      entries: [revoke(range("<1.2.4"), "warn"), revoke({ sha256 }, "disable")],
    },
    release,
    strictestFirst: revocationsOf(release, [
      revoke(range("<1.2.4"), "warn"),
      revoke({ sha256 }, "disable"),
    ]).map(({ action }) => action),
    matches: MATCHES.map(([match, change = {}]) => ({
      match,
      release: { ...release, ...change },
      revoked: revocationsOf({ ...release, ...change }, [revoke(match, "warn")]).length === 1,
    })),
    refused: [
      { name: "a range that is none", entry: revoke(range("< one"), "warn") },
      { name: "an empty range", entry: revoke(range(""), "warn") },
      { name: "an unknown action", entry: { ...revoke({ sha256 }, "warn"), action: "delete" } },
      { name: "an unknown member", entry: { ...revoke({ sha256 }, "warn"), note: "x" } },
      { name: "no reason", entry: { ...revoke({ sha256 }, "warn"), reason: "" } },
    ],
  };
}
