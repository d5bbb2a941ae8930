/**
 * Cases of the TUF conformance suite (theupdateframework/tuf-conformance) on the marketplace's layout:
 * what a repository, or somebody in front of it, may try.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { targetPath, utf8 } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMarketplace } from "../client/marketplace.ts";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { startStaticMarketplace, type StaticMarketplace } from "../testing/static-marketplace.ts";
import { sha256Of, type TufRole } from "../testing/tuf-repository.ts";
import { openTrust, type Trust } from "./trust.ts";

const INVALID = "trust_metadata_invalid";
const OTHER = "@acme/other";

let market: StaticMarketplace;
let dataDir: string;
/** Of a host that has seen the marketplace before the attack. */
let trust: Trust;
beforeEach(async () => {
  market = await startStaticMarketplace();
  dataDir = await mkdtemp(join(tmpdir(), "rbsm-attacks-"));
  await market.publish({ name: HELLO, version: "1.0.0" });
  trust = await openAt("known");
  await trust.refresh();
});
afterEach(async () => {
  await market.close();
  await rm(dataDir, { recursive: true, force: true });
});

function openAt(folder: string): Promise<Trust> {
  const marketplace = createMarketplace({ url: market.url, backOffMs: 1, idleMs: 10_000 });
  const now = () => new Date();
  return openTrust({ dataDir: join(dataDir, folder), root: market.root, marketplace, now });
}

async function verdicts(): Promise<string[]> {
  return [
    await codeOf(trust.check()),
    await codeOf(trust.refresh()),
    await codeOf(trust.refresh({ acceptStale: true })),
  ];
}

/** A host that knows what was before refuses it, in every way to ask; nothing it had is lost. */
async function expectRefused(code: string = INVALID): Promise<void> {
  const before = await trust.verified();
  expect(await verdicts()).toEqual([code, code, code]);
  expect(await trust.verified()).toEqual(before);
}

/** A host that meets the marketplace for the first time does too. */
async function expectRefusedByAll(code: string = INVALID): Promise<void> {
  expect(await codeOf((await openAt("fresh")).refresh())).toBe(code);
  await expectRefused(code);
}

/** Roots are looked for by a refresh, and by a check once a day. */
async function expectRootRefused(): Promise<void> {
  expect(await codeOf((await openAt("fresh")).refresh())).toBe(INVALID);
  expect(await codeOf(trust.refresh())).toBe(INVALID);
  expect(await codeOf(trust.refresh({ acceptStale: true }))).toBe(INVALID);
}

type Meta = Record<string, { version: number }>;

function read(path: string): { signed: { version: number; meta: Meta } } {
  return JSON.parse(Buffer.from(market.files.get(path) ?? []).toString());
}

const pathOf = (role: TufRole, version: number) => `/tuf/${version}.${role}.json`;

/** Current versions by role. */
function current() {
  const timestamp = read("/tuf/timestamp.json").signed;
  const snapshot = timestamp.meta["snapshot.json"]?.version ?? 0;
  const { meta } = read(pathOf("snapshot", snapshot)).signed;
  const versionOf = (role: string) => meta[`${role}.json`]?.version ?? 0;
  return { snapshot, targets: versionOf("targets"), catalog: versionOf("catalog") };
}

/** Whoever has the online keys of snapshot and timestamp signs them again with these versions. */
function signHeads(meta: Readonly<Record<string, number>>, timestamp = 0): void {
  const listed = Object.entries(meta).map(([role, version]) => [`${role}.json`, { version }]);
  market.tuf.tamper("snapshot", (signed) => ({ ...signed, meta: Object.fromEntries(listed) }));
  signTimestamp(current().snapshot, timestamp);
}

/** Without digests, so that what the timestamp points to is judged by its signature alone. */
function signTimestamp(snapshot: number, version = 0): void {
  market.tuf.tamper("timestamp", (signed) => ({
    ...signed,
    version: version === 0 ? signed.version : version,
    meta: { "snapshot.json": { version: snapshot } },
  }));
}

/** A new version of everything, to be forged. */
async function publishMore(): Promise<void> {
  market.editServiceKeys((keys) => ({ ...keys, lease: [] }));
  await market.publish({ name: OTHER, version: "1.0.0" });
}

test.each([
  ["timestamp", 0],
  ["snapshot", 0],
  ["targets", 0],
  ["targets", 1],
  ["catalog", 0],
] as const)("a %s with %i signatures is refused", async (role, signers) => {
  await publishMore();
  market.tuf.leaveOutDigests();
  expect(await codeOf((await openAt("before")).refresh())).toBe("ok");
  market.tuf.tamper(role, (signed) => signed, signers);
  await expectRefusedByAll();
});

test("the same signature twice counts once", async () => {
  await publishMore();
  const path = pathOf("targets", current().targets);
  const { signatures, signed } = JSON.parse(Buffer.from(market.files.get(path) ?? []).toString());
  const twice = { signatures: [signatures[0], signatures[0]], signed };
  market.files.set(path, utf8(JSON.stringify(twice)));
  await expectRefusedByAll();
});

test.each(["timestamp", "snapshot", "targets", "catalog"] as const)(
  "a %s that was changed after it was signed is refused",
  async (role) => {
    await publishMore();
    market.tuf.leaveOutDigests();
    const path = role === "timestamp" ? "/tuf/timestamp.json" : pathOf(role, current()[role]);
    const text = Buffer.from(market.files.get(path) ?? []).toString();
    market.files.set(
      path,
      utf8(text.replace('"spec_version":"1.0.31"', '"spec_version":"1.0.32"')),
    );
    await expectRefusedByAll();
  },
);

test("an older timestamp, snapshot, targets or catalog than was seen is refused", async () => {
  const old = current();
  const oldTimestamp = market.files.get("/tuf/timestamp.json") ?? new Uint8Array();
  await publishMore();
  const now = current();
  await trust.refresh();
  const latest = market.files.get("/tuf/timestamp.json") ?? new Uint8Array();
  market.files.set("/tuf/timestamp.json", oldTimestamp);
  await expectRefused();
  market.files.set("/tuf/timestamp.json", latest);
  signTimestamp(old.snapshot, 100);
  await expectRefused();
  market.files.set("/tuf/timestamp.json", latest);
  await market.resign();
  signHeads({ targets: old.targets, catalog: now.catalog });
  await expectRefused();
  signHeads({ targets: now.targets, catalog: old.catalog });
  await expectRefused();
  signHeads({ targets: now.targets });
  await expectRefused();
});

test("files of different snapshots do not go together", async () => {
  const old = current();
  const oldFiles = new Map(market.files);
  await publishMore();
  const now = current();
  const mixed = (["snapshot", "targets", "catalog"] as const).map(
    (role) => [pathOf(role, now[role]), oldFiles.get(pathOf(role, old[role]))] as const,
  );
  for (const [path, bytes = new Uint8Array()] of mixed) {
    const right = market.files.get(path) ?? new Uint8Array();
    market.files.set(path, bytes);
    await expectRefusedByAll();
    market.files.set(path, right);
  }
  expect(await verdicts()).toEqual(["ok", "ok", "ok"]);
});

test.each(["{}", "[]", "null", "", "{", '{"signed":{},"signatures":[]}', "[".repeat(16_000)])(
  "%.30s is no metadata",
  async (text) => {
    for (const path of ["/tuf/timestamp.json", "/tuf/2.root.json"]) {
      const before = market.files.get(path);
      market.files.set(path, utf8(text));
      expect(await codeOf(trust.refresh())).toBe(INVALID);
      if (before === undefined) market.files.delete(path);
      else market.files.set(path, before);
    }
  },
);

test("one role's file in the place of another is refused", async () => {
  await publishMore();
  const { snapshot, targets } = current();
  const of = (path: string) => market.files.get(path) ?? new Uint8Array();
  const timestamp = of("/tuf/timestamp.json");
  market.files.set("/tuf/timestamp.json", of(pathOf("snapshot", snapshot)));
  await expectRefusedByAll();
  market.files.set("/tuf/timestamp.json", timestamp);
  market.files.set("/tuf/2.root.json", of(pathOf("targets", targets)));
  await expectRootRefused();
});

test("a root that skips a version, or that its own keys have not signed, is refused", async () => {
  market.tuf.tamper("root", (signed) => ({ ...signed, version: 3 }));
  market.files.set("/tuf/2.root.json", market.files.get("/tuf/3.root.json") ?? new Uint8Array());
  await expectRootRefused();
  market.tuf.tamper("root", ({ roles, ...signed }) => {
    const root = { keyids: ["0".repeat(64)], threshold: 1 };
    return { ...signed, roles: { ...Object(roles), root }, version: 2 };
  });
  await expectRootRefused();
  // One signature of the two that it takes.
  market.tuf.tamper("root", (signed) => ({ ...signed, version: 2 }), 1);
  await expectRootRefused();
});

test.each([
  ["/tuf/timestamp.json", 17_000],
  ["/tuf/2.root.json", 600_000],
  ["snapshot", 2_100_000],
  ["targets", 5_100_000],
  ["catalog", 5_100_000],
] as const)("%s of %i bytes is not read to its end", async (role, size) => {
  await publishMore();
  market.tuf.leaveOutDigests();
  const versions: Record<string, number> = current();
  const path = role in versions ? `/tuf/${versions[role]}.${role}.json` : role;
  market.files.set(path, Buffer.alloc(size, 32));
  expect(await codeOf(trust.refresh())).toBe("network_bad_answer");
  expect(await codeOf((await openAt("fresh")).refresh())).toBe("network_bad_answer");
});

test.each(["/tuf/timestamp.json", "/tuf/2.root.json"])(
  "%s without an end is given up",
  async (path) => {
    market.intercept((request, response) => {
      if (request.url !== path) return false;
      response.writeHead(200);
      const send = () => {
        while (!response.destroyed && response.write(" ".repeat(65_536)));
        if (!response.destroyed) response.once("drain", send);
      };
      send();
      return true;
    });
    expect(await codeOf(trust.refresh())).toBe("network_bad_answer");
  },
);

test("listed files with other bytes, or more of them, are refused", async () => {
  await publishMore();
  const paths = [...market.files.keys()].filter((path) => path.startsWith("/tuf/targets/"));
  expect(paths.length).toBeGreaterThan(5);
  for (const path of paths) market.files.set(path, utf8("{}".padEnd(9_000)));
  expect(await codeOf((await openAt("fresh")).refresh())).toBe("network_bad_answer");
  for (const path of paths) market.files.set(path, utf8("{}"));
  expect(await codeOf((await openAt("fresh")).refresh())).toBe(INVALID);
});

test("the catalogue's key says nothing about the offline role's files", async () => {
  const forged = utf8(JSON.stringify({ release: [], lease: [], log: [] }));
  const entry = { length: forged.length, hashes: { sha256: sha256Of(forged) } };
  market.files.set(targetPath("service-keys.json", sha256Of(forged)), forged);
  const list = (signed: Record<string, unknown>) => ({
    ...Object(signed["targets"]),
    "service-keys.json": entry,
  });
  market.tuf.leaveOutDigests();
  market.tuf.tamper("catalog", (signed) => ({ ...signed, targets: list(signed) }));
  const { serviceKeys } = await (await openAt("fresh")).refresh();
  expect(serviceKeys.release).toHaveLength(1);
  // Not even when the offline role lists none.
  market.tuf.tamper("targets", (signed) => ({ ...signed, targets: {} }));
  await expect((await openAt("other")).refresh()).rejects.toMatchObject({
    code: INVALID,
    message: expect.stringContaining("does not list service-keys.json"),
  });
});

test.each(["timestamp", "snapshot"] as const)(
  "versions that a stolen key drove up count no more once the %s key is another",
  async (role) => {
    const { targets, catalog } = current();
    // The attacker has both keys: no later version could be published any more.
    market.tuf.tamper("snapshot", (signed) => ({
      ...signed,
      version: 1_000_000,
      meta: { "targets.json": { version: targets }, "catalog.json": { version: catalog } },
    }));
    signTimestamp(1_000_000, 1_000_000);
    expect(await codeOf(trust.check())).toBe("ok");
    await market.resign();
    await expectRefused();
    market.rotateOnline(role);
    await market.publish({ name: OTHER, version: "1.0.0" });
    const { catalogue } = await trust.check();
    expect((await catalogue.document(OTHER)).name).toBe(OTHER);
    expect(await verdicts()).toEqual(["ok", "ok", "ok"]);
  },
);

test("a catalogue version that a stolen key drove up counts no more once the snapshot key is another", async () => {
  market.tuf.tamper("catalog", (signed) => ({ ...signed, version: 1_000_000 }));
  await market.resign();
  signHeads({ targets: current().targets, catalog: 1_000_000 });
  expect(await codeOf(trust.check())).toBe("ok");
  await market.publish({ name: OTHER, version: "1.0.0" });
  await expectRefused();
  market.rotateOnline("catalog");
  market.rotateOnline("snapshot");
  expect(await verdicts()).toEqual(["ok", "ok", "ok"]);
});

test("a redirect to another origin is not followed", async () => {
  const other = await startStaticMarketplace();
  market.intercept((request, response) => {
    if (request.url !== "/tuf/timestamp.json") return false;
    response.writeHead(302, { location: `${other.url}/tuf/timestamp.json` }).end();
    return true;
  });
  expect(await codeOf(trust.refresh())).toBe("network_bad_answer");
  expect(other.requests).toEqual([]);
  await other.close();
});
