/**
 * Cases of the TUF conformance suite (theupdateframework/tuf-conformance) against files that the
 * Worker's own functions sign: through tuf-js, and through the host's trust.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ADVISORIES_TARGET, utf8 } from "@rising-bsm/protocol";
import { Updater } from "tuf-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createMarketplace } from "../host-sdk/client/marketplace.ts";
import { serveFiles } from "../host-sdk/testing/serve-files.ts";
import type { FileServer } from "../host-sdk/testing/serve-files.ts";
import { openTrust } from "../host-sdk/trust/trust.ts";
import { createRepository, inDays, newKey } from "./signed-repository.ts";
import type { Role, SignedRepository } from "./signed-repository.ts";

let repository: SignedRepository;
let server: FileServer;
let dir: string;

beforeEach(async () => {
  repository = await createRepository();
  server = await serveFiles(repository.files);
  dir = await mkdtemp(join(tmpdir(), "rbsm-conformance-"));
});

afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

/** Everything down to the delegated role, or the reason why not. */
type Refresh = () => Promise<string>;

async function tufJs(): Promise<Refresh> {
  await writeFile(join(dir, "root.json"), repository.anchor);
  return async () => {
    const updater = new Updater({
      metadataDir: dir,
      metadataBaseUrl: `${server.url}/tuf`,
      targetDir: dir,
      targetBaseUrl: `${server.url}/tuf/targets`,
      config: { fetchRetries: 0 },
    });
    return reasonOf(async () => {
      await updater.refresh();
      const target = await updater.getTargetInfo(ADVISORIES_TARGET);
      if (target === undefined) throw new Error("The advisories are not listed");
      await updater.downloadTarget(target, join(dir, "advisories"));
    });
  };
}

async function host(): Promise<Refresh> {
  const marketplace = createMarketplace({ url: server.url, backOffMs: 1 });
  const trust = await openTrust({
    dataDir: join(dir, "host"),
    root: repository.anchor,
    marketplace,
    now: () => new Date(),
  });
  return () => reasonOf(() => trust.refresh());
}

async function reasonOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "accepted";
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

const later: Record<Role, Role[]> = {
  targets: ["targets", "snapshot", "timestamp"],
  catalog: ["catalog", "snapshot", "timestamp"],
  snapshot: ["snapshot", "timestamp"],
  timestamp: ["timestamp"],
};

/** Writes the role as its state is now, and what has to name it, each as a new version. */
async function republish(role: Role): Promise<void> {
  for (const one of later[role]) {
    if (one !== role) repository.versions[one] += 1;
    await repository.write(one);
  }
}

const ROLES = ["timestamp", "snapshot", "targets", "catalog"] as const;
const publicKeys = (keys: readonly { publicKey: Uint8Array }[]) => keys.map((key) => key.publicKey);

describe.each([
  ["tuf-js", tufJs],
  ["the host", host],
])("%s", (_, open) => {
  let refresh: Refresh;

  beforeEach(async () => {
    refresh = await open();
    await repository.publish();
    expect(await refresh()).toBe("accepted");
  });

  test("test_basic_refresh_requests, test_basic_metadata_hash_support", async () => {
    await repository.publish();
    expect(await refresh()).toBe("accepted");
    expect(await refresh()).toBe("accepted");
  });

  test("test_timestamp_eq_versions_check: the same version again changes nothing", async () => {
    await repository.write("timestamp");
    expect(await refresh()).toBe("accepted");
  });

  test.each(ROLES)("test_new_%s_version_rollback", async (role) => {
    await repository.publish();
    expect(await refresh()).toBe("accepted");
    repository.versions[role] -= 1;
    await republish(role);
    expect(await refresh()).toMatch(/version/i);
  });

  test("test_new_timestamp_snapshot_rollback: a new timestamp that names an older snapshot", async () => {
    await repository.publish();
    expect(await refresh()).toBe("accepted");
    repository.versions.snapshot -= 1;
    repository.versions.timestamp += 1;
    await repository.write("timestamp");
    expect(await refresh()).toMatch(/version/i);
  });

  test.each(ROLES)("test_new_%s_expired", async (role) => {
    repository.expires[role] = inDays(-1);
    repository.versions[role] += 1;
    await republish(role);
    expect(await refresh()).toMatch(/expired/);
  });

  test("test_root_expired: the last root counts, not one on the way", async () => {
    await repository.rotate({}, { expires: inDays(-1) });
    expect(await refresh()).toMatch(/expired/);
    await repository.rotate({});
    expect(await refresh()).toBe("accepted");
  });

  test.each(ROLES)("test_unsigned_metadata, %s", async (role) => {
    repository.signers[role] = [];
    repository.versions[role] += 1;
    await republish(role);
    expect(await refresh()).toMatch(/signed|signature/i);
  });

  test.each(ROLES)("test_metadata_signed_by_another_key, %s", async (role) => {
    repository.signers[role] = [await newKey(), await newKey()];
    repository.versions[role] += 1;
    await republish(role);
    expect(await refresh()).toMatch(/signed|signature/i);
  });

  test("test_targets_threshold: one signature where two are needed", async () => {
    repository.signers.targets = repository.signers.targets.slice(0, 1);
    repository.versions.targets += 1;
    await republish("targets");
    expect(await refresh()).toMatch(/signed|signature/i);
  });

  test("test_duplicate_sig_keyids: one signature under two entries counts once", async () => {
    const file = `/tuf/${repository.versions.targets + 1}.targets.json`;
    repository.signers.targets = repository.signers.targets.slice(0, 1);
    repository.versions.targets += 1;
    await repository.write("targets");
    const written: { signatures: unknown[] } = JSON.parse(
      Buffer.from(repository.files.get(file) ?? []).toString(),
    );
    written.signatures = [...written.signatures, ...written.signatures];
    repository.files.set(file, utf8(JSON.stringify(written)));
    repository.versions.snapshot += 1;
    await repository.write("snapshot");
    repository.versions.timestamp += 1;
    await repository.write("timestamp");
    expect(await refresh()).not.toBe("accepted");
  });

  test.each(["timestamp", "snapshot"] as const)("test_root_rotates_%s_key", async (role) => {
    const stolen = repository.signers[role];
    const fresh = await newKey();
    await repository.rotate({ [role]: [fresh.publicKey] });
    expect(await refresh()).not.toBe("accepted");
    repository.signers[role] = [fresh];
    await repository.publish();
    expect(await refresh()).toBe("accepted");
    repository.signers[role] = stolen;
    await repository.publish();
    expect(await refresh()).toMatch(/signed|signature/i);
  });

  test("test_delegation_rotates_key: the catalogue's, by new targets", async () => {
    const stolen = repository.signers.catalog;
    const fresh = await newKey();
    repository.delegateTo(fresh);
    repository.signers.catalog = [fresh];
    await repository.publish();
    expect(await refresh()).toBe("accepted");
    repository.signers.catalog = stolen;
    await repository.publish();
    expect(await refresh()).toMatch(/signed|signature/i);
  });

  test("test_root_rotation: a chain of roots, each signed by the one before and by itself", async () => {
    for (let i = 0; i < 3; i++) {
      const [first, ...rest] = repository.signers.root;
      const signers = [...rest, await newKey()];
      await repository.rotate(
        { offline: publicKeys(signers) },
        { signers: [...(first === undefined ? [] : [first]), ...signers] },
      );
      repository.signers.root = signers;
      repository.signers.targets = signers;
    }
    await repository.publish();
    expect(await refresh()).toBe("accepted");
  });

  test("test_root_rotation_not_signed_by_previous", async () => {
    const strangers = [await newKey(), await newKey(), await newKey()];
    await repository.rotate({ offline: publicKeys(strangers) }, { signers: strangers });
    expect(await refresh()).toMatch(/signed|signature/i);
  });

  test("test_root_rotation_not_signed_by_itself", async () => {
    const strangers = [await newKey(), await newKey(), await newKey()];
    await repository.rotate({ offline: publicKeys(strangers) });
    expect(await refresh()).toMatch(/signed|signature/i);
  });

  test.each([1, 4])("test_root_version: the file 2.root.json says it is %i", async (version) => {
    await repository.rotate({}, { version });
    expect(await refresh()).toMatch(/version/i);
  });

  test.each(["snapshot", "targets", "catalog"] as const)(
    "test_%s_fast_forward_recovery: a version driven up counts no more once the keys are others",
    async (role) => {
      const before = { ...repository.versions };
      repository.versions[role] = 999;
      await republish(role);
      expect(await refresh()).toBe("accepted");
      Object.assign(repository.versions, before);
      repository.versions.timestamp += 10;
      repository.versions.snapshot += role === "snapshot" ? 0 : 10;
      await repository.publish();
      expect(await refresh()).toMatch(/version/i);
      const [snapshot, timestamp] = [await newKey(), await newKey()];
      await repository.rotate({
        snapshot: [snapshot.publicKey],
        timestamp: [timestamp.publicKey],
      });
      repository.signers.snapshot = [snapshot];
      repository.signers.timestamp = [timestamp];
      await repository.publish();
      expect(await refresh()).toBe("accepted");
    },
  );

  test("test_timestamp_fast_forward_recovery", async () => {
    const before = repository.versions.timestamp;
    repository.versions.timestamp = 999;
    await repository.write("timestamp");
    expect(await refresh()).toBe("accepted");
    repository.versions.timestamp = before;
    await repository.publish();
    expect(await refresh()).toMatch(/version/i);
    const fresh = await newKey();
    await repository.rotate({ timestamp: [fresh.publicKey] });
    repository.signers.timestamp = [fresh];
    await repository.publish();
    expect(await refresh()).toBe("accepted");
  });

  test("test_consistent_snapshot: every file but the timestamp is asked for under its own name", async () => {
    await repository.publish();
    server.requests.length = 0;
    expect(await refresh()).toBe("accepted");
    const { targets, catalog, snapshot } = repository.versions;
    const asked = server.requests.filter((path) => !path.endsWith(".root.json"));
    expect(asked).toEqual(
      expect.arrayContaining([
        "/tuf/timestamp.json",
        `/tuf/${snapshot}.snapshot.json`,
        `/tuf/${targets}.targets.json`,
        `/tuf/${catalog}.catalog.json`,
      ]),
    );
    for (const path of asked) {
      expect(path).toMatch(
        /^\/tuf\/(timestamp|\d+\.\w+|targets\/(catalog\/)?[0-9a-f]{64}\.[\w-]+)\.json$/,
      );
    }
  });

  test.each(["snapshot", "targets", "catalog"] as const)(
    "test_mix_and_match: another %s of the version that is named, rightly signed",
    async (role) => {
      await repository.publish();
      repository.expires[role] = inDays(5);
      await repository.write(role);
      expect(await refresh()).toMatch(/hash|length|digest|longer|bytes/i);
    },
  );

  test("test_mix_and_match: targets of an older snapshot under the number of the newer one", async () => {
    const older = repository.files.get(`/tuf/${repository.versions.targets}.targets.json`);
    await repository.publish();
    const name = `/tuf/${repository.versions.targets}.targets.json`;
    if (older !== undefined) repository.files.set(name, older);
    expect(await refresh()).toMatch(/hash|version|digest/i);
  });

  test.each([
    ["2.root.json", 600_000],
    ["timestamp.json", 20_000],
    ["snapshot", 2_100_000],
    ["targets", 5_100_000],
    ["catalog", 5_100_000],
  ])("test_max_length: an endless %s", async (name, length) => {
    await repository.publish();
    const { versions, files } = repository;
    const numbered = name === "snapshot" || name === "targets" || name === "catalog";
    const path = numbered ? `${versions[name]}.${name}.json` : name;
    const bytes = files.get(`/tuf/${path}`) ?? utf8("{}");
    files.set(`/tuf/${path}`, utf8(new TextDecoder().decode(bytes).padEnd(length)));
    expect(await refresh()).toMatch(/length|longer|limit|size|bytes|large/i);
  });

  test("test_target_hash_and_length: a listed file with other bytes, or more of them", async () => {
    repository.extraTargets.set(ADVISORIES_TARGET, listOf("RBSA-1"));
    await repository.publish();
    const path = [...repository.files.keys()].findLast((key) => key.endsWith(".advisories.json"));
    for (const bytes of [listOf("RBSA-2"), utf8(`${Buffer.from(listOf("RBSA-1")).toString()} `)]) {
      repository.files.set(path ?? "", bytes);
      expect(await refresh()).not.toBe("accepted");
    }
    repository.files.set(path ?? "", listOf("RBSA-1"));
    expect(await refresh()).toBe("accepted");
  });

  test.each([
    ["timestamp", "snapshot"],
    ["snapshot", "targets"],
    ["targets", "snapshot"],
    ["catalog", "snapshot"],
  ] as const)("test_wrong_role_type: a %s that is a %s", async (role, other) => {
    // The same key for both, so that nothing but the type is wrong.
    const key = await newKey();
    const everybody = [key, ...repository.signers.root];
    await repository.rotate({ snapshot: [key.publicKey], timestamp: [key.publicKey] });
    repository.delegateTo(key);
    for (const one of ROLES) repository.signers[one] = everybody;
    await repository.publish();
    expect(await refresh()).toBe("accepted");
    await repository.publish();
    const { versions, files } = repository;
    const wrong = files.get(`/tuf/${versions[other]}.${other}.json`);
    const path =
      role === "timestamp" ? "/tuf/timestamp.json" : `/tuf/${versions[role]}.${role}.json`;
    if (wrong !== undefined) files.set(path, wrong);
    for (const one of later[role].filter((name) => name !== role)) await repository.write(one);
    expect(await refresh()).not.toBe("accepted");
  });
});

function listOf(id: string) {
  const entry = {
    id,
    match: { sha256: "0".repeat(64) },
    reason: "unsafe",
    issuedAt: "2026-11-23T00:00:00.000Z",
    action: "warn",
  };
  return utf8(JSON.stringify({ type: "https://rising-bsm.com/advisories/v1", entries: [entry] }));
}

test("test_delegation_path: what the catalog lists outside of catalog/ is nobody's", async () => {
  repository.extraTargets.set("service-keys-2.json", utf8("{}"));
  repository.extraTargets.set("catalog/deep/er.json", utf8("{}"));
  await repository.publish();
  await writeFile(join(dir, "root.json"), repository.anchor);
  const updater = new Updater({ metadataDir: dir, metadataBaseUrl: `${server.url}/tuf` });
  await updater.refresh();
  expect(await updater.getTargetInfo("service-keys-2.json")).toBeUndefined();
  expect(await updater.getTargetInfo("catalog/deep/er.json")).toBeUndefined();
  expect(await updater.getTargetInfo(ADVISORIES_TARGET)).toBeDefined();
  expect(JSON.parse(await readFile(join(dir, "root.json"), "utf8")).signed.version).toBe(1);
});
