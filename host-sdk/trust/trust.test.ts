import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMarketplace } from "../client/marketplace.ts";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { startStaticMarketplace, type StaticMarketplace } from "../testing/static-marketplace.ts";
import { sha256Of } from "../testing/tuf-repository.ts";
import { openTrust } from "./trust.ts";

const DAY_MS = 86_400_000;
const YANK = { plugin: HELLO, versions: "*" };

let market: StaticMarketplace;
let dataDir: string;
/** The host's clock and the marketplace's, which agree. */
let time: number;
beforeEach(async () => {
  market = await startStaticMarketplace();
  dataDir = await mkdtemp(join(tmpdir(), "rbsm-trust-"));
  time = Date.now();
  market.setClock(() => new Date(time));
});
afterEach(async () => {
  await market.close();
  await rm(dataDir, { recursive: true, force: true });
});

function open(root: Uint8Array = market.root, idleMs = 10_000) {
  const marketplace = createMarketplace({ url: market.url, backOffMs: 1, idleMs });
  return openTrust({ dataDir, root, marketplace, now: () => new Date(time) });
}

/** Paths asked for, and bytes that crossed in both directions, while `work` ran. */
async function traffic(work: () => Promise<unknown>) {
  const [from, before] = [market.requests.length, market.bytes()];
  await work();
  return { requests: market.requests.slice(from), bytes: market.bytes() - before };
}

function revocation(id: string) {
  return {
    id,
    match: YANK,
    reason: "It reads what it should not.",
    issuedAt: "2026-11-01T00:00:00Z",
  };
}

async function stored(): Promise<string[]> {
  const names = await readdir(join(dataDir, "trust"));
  return names.filter((name) => /^[0-9a-f]{64}/.test(name));
}

test("a refresh proves keys and lists and keeps them for the time without a network", async () => {
  const trust = await open();
  expect(await trust.verified()).toBeNull();
  market.revoke({ ...revocation("RBSA-1"), action: "disable" });
  market.advise({ ...revocation("RBSA-2"), action: "warn" });
  const lists = await trust.refresh();
  expect(lists.serviceKeys.release).toHaveLength(1);
  expect(lists.revocations.entries.map(({ id }) => id)).toEqual(["RBSA-1"]);
  expect(lists.advisories.entries.map(({ id }) => id)).toEqual(["RBSA-2"]);
  expect(lists.refreshedAt).toBe(new Date(time).toISOString());
  expect(Date.parse(lists.signedAt)).toBe(Math.floor(time / 1000) * 1000);
  await market.close();
  const kept = await trust.verified();
  expect(lists).toMatchObject({ ...kept });
  expect(await (await open()).verified()).toEqual(kept);
});

test("an update check without a change is one request of less than 1 KiB", async () => {
  await market.publish({ name: HELLO, version: "1.0.0" });
  const trust = await open();
  await (await trust.refresh()).document(HELLO);
  const first = await trust.check();
  expect(first.changed).toBe(false);
  time += 3_600_000;
  const conditions: unknown[] = [];
  market.intercept(({ headers }) => (conditions.push(headers["if-none-match"]), false));
  const idle = await traffic(async () => {
    const { changed, catalogue } = await trust.check();
    expect(changed).toBe(false);
    expect((await catalogue.document(HELLO)).versions).toHaveLength(1);
  });
  expect(idle.requests).toEqual(["/tuf/timestamp.json"]);
  expect(conditions).toEqual([`"${sha256Of(market.files.get("/tuf/timestamp.json") ?? "")}"`]);
  expect(idle.bytes).toBeLessThan(1_024);
  expect((await trust.verified())?.refreshedAt).toBe(new Date(time).toISOString());
});

test("after a re-signing without a change it is two requests of less than 4 KiB", async () => {
  await market.publish({ name: HELLO, version: "1.0.0" });
  const trust = await open();
  const { signedAt } = await trust.refresh();
  await (await trust.check()).catalogue.document(HELLO);
  time += DAY_MS - 1;
  await market.resign();
  const resigned = await traffic(async () => {
    const { changed, catalogue } = await trust.check();
    expect(changed).toBe(false);
    expect(Date.parse(catalogue.signedAt)).toBeGreaterThan(Date.parse(signedAt));
    await catalogue.document(HELLO);
  });
  expect(resigned.requests).toEqual(["/tuf/timestamp.json", expect.stringMatching(/snapshot/)]);
  expect(resigned.bytes).toBeLessThan(4_096);
});

test("a change of one plugin fetches its shard and its document, and removes the old ones", async () => {
  await market.publish({ name: HELLO, version: "1.0.0" });
  await market.publish({ name: "@acme/other", version: "1.0.0" });
  const trust = await open();
  const before = await trust.refresh();
  await before.document(HELLO);
  await before.document("@acme/other");
  const files = await stored();
  await market.publish({ name: HELLO, version: "1.1.0" });
  const change = await traffic(async () => {
    const { changed, catalogue } = await trust.check();
    expect(changed).toBe(true);
    await catalogue.document("@acme/other");
    expect((await catalogue.document(HELLO)).channels).toEqual({ latest: "1.1.0" });
  });
  expect(change.requests.map((path) => path.replace(/[0-9a-f]{64}|\d+(?=\.)/, "*"))).toEqual([
    "/tuf/timestamp.json",
    "/tuf/*.snapshot.json",
    "/tuf/*.catalog.json",
    expect.stringMatching(/^\/tuf\/targets\/catalog\/\*\.[0-9a-f]{2}\.json$/),
    "/index/@acme/hello/*.json",
  ]);
  // The shard and the document took the place of their predecessors.
  expect(await stored()).toHaveLength(files.length);
});

test("everything read from one catalogue is of one snapshot", async () => {
  await market.publish({ name: HELLO, version: "1.0.0" });
  const trust = await open();
  const first = await trust.refresh();
  await market.publish({ name: HELLO, version: "1.1.0" });
  const { catalogue } = await trust.check();
  expect((await first.document(HELLO)).channels).toEqual({ latest: "1.0.0" });
  expect((await catalogue.document(HELLO)).channels).toEqual({ latest: "1.1.0" });
});

test("a newer root is looked for once a day", async () => {
  const trust = await open();
  await trust.refresh();
  time += DAY_MS - 1;
  expect((await traffic(() => trust.check())).requests).toEqual(["/tuf/timestamp.json"]);
  time += 1;
  const daily = await traffic(() => trust.check());
  expect(daily.requests).toEqual(["/tuf/2.root.json", "/tuf/timestamp.json"]);
  // A clock that was set back looks too.
  time -= 30 * DAY_MS;
  expect((await traffic(() => trust.check())).requests).toContain("/tuf/2.root.json");
});

test("a changed key is met at the next check, with one more look at everything", async () => {
  const trust = await open();
  await trust.refresh();
  market.rotateOnline("timestamp");
  const rotated = await traffic(async () => expect((await trust.check()).changed).toBe(false));
  expect(rotated.requests.filter((path) => path === "/tuf/timestamp.json")).toHaveLength(2);
  expect(rotated.requests).toContain("/tuf/2.root.json");
  for (const role of ["snapshot", "catalog"] as const) {
    market.rotateOnline(role);
    await trust.check();
  }
  expect(await codeOf((await open()).refresh())).toBe("ok");
});

test("refreshes and checks at the same time do not disturb each other, nor do two hosts", async () => {
  await market.publish({ name: HELLO, version: "1.0.0" });
  const [one, other] = [await open(), await open()];
  const work = Array.from({ length: 8 }, async (_, i) => {
    const catalogue = i % 2 === 0 ? await one.refresh() : (await one.check()).catalogue;
    return catalogue.document(HELLO);
  });
  await Promise.all(work);
  await other.refresh();
  await market.resign();
  await one.check();
  expect(await codeOf(other.check())).toBe("ok");
});

test("a new root signed by the old one's threshold is followed, and stays followed", async () => {
  await (await open()).refresh();
  const next = await market.rotateRoot("signers");
  await (await open()).refresh();
  market.files.delete("/tuf/2.root.json");
  await (await open()).refresh();
  await (await open(next)).refresh();
  const kept = await readFile(join(dataDir, "tuf", "roots", "2.root.json"));
  expect(Buffer.from(next).equals(kept)).toBe(true);
});

test("a host that was off for years follows every root from the one it was given", async () => {
  for (let year = 0; year < 30; year++) {
    time += 300 * DAY_MS;
    await market.rotateRoot("signers");
  }
  market.editServiceKeys((keys) => keys);
  market.tuf.rotateOnline("catalog");
  const trust = await open();
  const { requests } = await traffic(() => trust.refresh());
  expect(requests.filter((path) => path.includes("root"))).toHaveLength(31);
  const later = await traffic(() => trust.refresh());
  expect(later.requests.filter((path) => path.includes("root"))).toEqual(["/tuf/32.root.json"]);
});

test("a new root signed by others is refused", async () => {
  await (await open()).refresh();
  await market.rotateRoot("strangers");
  expect(await codeOf((await open()).refresh())).toBe("trust_metadata_invalid");
});

test("a stored root that does not descend from the given one is refused", async () => {
  await (await open()).refresh();
  const next = await market.rotateRoot("strangers");
  market.files.delete("/tuf/2.root.json");
  await writeFile(join(dataDir, "tuf", "roots", "2.root.json"), next);
  expect(await codeOf((await open()).refresh())).toBe("trust_root_invalid");
});

test.each([
  ["tuf/timestamp.json", "cut"],
  ["tuf/snapshot.json", "cut"],
  ["tuf/targets.json", "cut"],
  ["tuf/catalog.json", "cut"],
  ["tuf/roots/2.root.json", "cut"],
  ["trust/verified.json", "cut"],
  ["tuf/timestamp.json", "flipped"],
  ["tuf/catalog.json", "flipped"],
  ["trust/verified.json", "flipped"],
])("%s that was %s is made again by the next check", async (name, how) => {
  await market.rotateRoot("signers");
  await market.publish({ name: HELLO, version: "1.0.0" });
  const first = await (await open()).refresh();
  await first.document(HELLO);
  const file = join(dataDir, name);
  const bytes = await readFile(file);
  if (how === "cut") await truncate(file, Math.floor(bytes.length / 2));
  else
    await writeFile(
      file,
      bytes.map((byte, i) => (i === 20 ? byte ^ 1 : byte)),
    );
  const { catalogue } = await (await open()).check();
  expect((await catalogue.document(HELLO)).name).toBe(HELLO);
  expect((await (await open()).check()).changed).toBe(false);
});

test("a damaged copy on disk of a shard or a document is fetched again", async () => {
  await market.publish({ name: HELLO, version: "1.0.0" });
  const trust = await open();
  await (await trust.refresh()).document(HELLO);
  for (const name of await stored()) await writeFile(join(dataDir, "trust", name), "{}");
  const { catalogue } = await (await open()).check();
  expect((await catalogue.document(HELLO)).versions).toHaveLength(1);
});

test("damaged lists are read again from what else is on disk, without a network", async () => {
  market.revoke({ ...revocation("RBSA-1"), action: "disable" });
  await (await open()).refresh();
  await market.close();
  await writeFile(join(dataDir, "trust", "verified.json"), "{");
  const trust = await open();
  expect((await trust.verified())?.revocations.entries).toHaveLength(1);
  // Without anything to make it from it is a refusal, never an empty list.
  await writeFile(join(dataDir, "trust", "verified.json"), "{");
  await rm(join(dataDir, "tuf", "snapshot.json"));
  expect(await codeOf(trust.verified())).toBe("trust_metadata_invalid");
});

test.each(["tuf", "trust"])(
  "no version is forgotten when the folder %s is lost",
  async (folder) => {
    const old = market.files.get("/tuf/timestamp.json") ?? new Uint8Array();
    await market.resign();
    await (await open()).refresh();
    await rm(join(dataDir, folder), { recursive: true });
    market.files.set("/tuf/timestamp.json", old);
    const trust = await open();
    expect(await codeOf(trust.refresh())).toBe("trust_metadata_invalid");
    expect(await codeOf(trust.check())).toBe("trust_metadata_invalid");
    expect(await codeOf(trust.refresh({ acceptStale: true }))).toBe("trust_metadata_invalid");
  },
);

test.each(["tuf/timestamp.json", "tuf/snapshot.json", "trust/verified.json"])(
  "a disk that is full when %s is written is a refusal, and the next check goes on",
  async (name) => {
    const trust = await open();
    await trust.refresh();
    await market.resign();
    await symlink("/dev/full", join(dataDir, `${name}.${process.pid}.tmp`));
    expect(await codeOf(trust.check())).toBe("disk_full");
    const { catalogue } = await trust.check();
    expect(await trust.verified()).toMatchObject({ signedAt: catalogue.signedAt });
  },
);

test("a data directory that cannot be written is a refusal with the folder's name", async () => {
  const trust = await open();
  await mkdir(join(dataDir, "tuf", "timestamp.json"));
  await expect(trust.refresh()).rejects.toMatchObject({
    code: "internal",
    detail: { fix: expect.stringContaining(dataDir) },
  });
});

test("a marketplace that stops sending is a timeout, one that is gone is unreachable", async () => {
  await market.publish({ name: HELLO, version: "1.0.0" });
  const trust = await open(market.root, 1_000);
  market.intercept((request, response) => {
    if (request.url?.endsWith(".snapshot.json") !== true) return false;
    response.writeHead(200, { "content-length": 100 });
    response.write("{");
    return true;
  });
  expect(await codeOf(trust.refresh())).toBe("network_timeout");
  market.intercept(null);
  await (await trust.refresh()).document(HELLO);
  await market.close();
  expect(await codeOf(trust.refresh())).toBe("network_unreachable");
  expect(await codeOf(trust.check())).toBe("network_unreachable");
  const stale = await trust.refresh({ acceptStale: true });
  expect((await stale.document(HELLO)).name).toBe(HELLO);
  expect(await codeOf(stale.document("@acme/other"))).toBe("plugin_not_found");
});

test("expired metadata is refused with what expired when, and accepted on request, at once or later", async () => {
  await market.publish({ name: HELLO, version: "1.0.0" });
  const signed = time;
  time += 8 * DAY_MS;
  const trust = await open();
  const expires = new Date(signed + 7 * DAY_MS).toISOString().slice(0, 16);
  await expect(trust.refresh()).rejects.toMatchObject({
    code: "trust_metadata_expired",
    message: expect.stringMatching(
      new RegExp(`timestamp metadata expired at ${expires}.*Installed plugins keep running`),
    ),
    detail: { role: "timestamp", fix: expect.stringMatching(/acceptStale/) },
  });
  const stale = await trust.refresh({ acceptStale: true });
  expect((await stale.document(HELLO)).name).toBe(HELLO);
  // Nothing was refreshed: the warning counts from the time of the signature.
  expect(stale.refreshedAt).toBe(stale.signedAt);
  expect(Date.parse(stale.signedAt)).toBe(Math.floor(signed / 1000) * 1000);
  expect(await codeOf(trust.refresh())).toBe("trust_metadata_expired");
  expect(await codeOf(trust.check())).toBe("trust_metadata_expired");
  await market.resign();
  expect((await trust.refresh()).refreshedAt).toBe(new Date(time).toISOString());
});

test("a marketplace that always says nothing has changed is met by the expiry", async () => {
  const trust = await open();
  await trust.refresh();
  market.intercept((request, response) => {
    if (request.url !== "/tuf/timestamp.json") return false;
    response.writeHead(304).end();
    return true;
  });
  expect(await codeOf(trust.check())).toBe("ok");
  time += 7 * DAY_MS;
  expect(await codeOf(trust.check())).not.toBe("ok");
  market.intercept(null);
  await expect(trust.check()).rejects.toMatchObject({
    code: "trust_metadata_expired",
    detail: { role: "timestamp" },
  });
});

test.each(["root", "targets", "catalog"] as const)("an expired %s is named", async (role) => {
  market.tuf.leaveOutDigests();
  market.tuf.tamper(role, (signed) => ({ ...signed, expires: "2026-01-01T00:00:00Z" }));
  const root = market.files.get("/tuf/1.root.json") ?? market.root;
  const trust = await open(root);
  await expect(trust.refresh()).rejects.toMatchObject({
    code: "trust_metadata_expired",
    detail: { role, expires: "2026-01-01T00:00:00Z" },
  });
  expect(await codeOf(trust.refresh({ acceptStale: true }))).toBe("ok");
});
