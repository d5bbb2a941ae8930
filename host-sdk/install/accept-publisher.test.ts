import {
  base64url,
  type Envelope,
  type KeyStatement,
  type PluginDocument,
  type Policy,
  signKeyStatement,
  type SigningKey,
} from "@rising-bsm/protocol";
import { beforeAll, expect, test } from "vitest";
import { createMemoryStore } from "../store/memory-store.ts";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { randomKey } from "../testing/static-marketplace.ts";
import { type AcceptedPublisher, acceptPublisher } from "./accept-publisher.ts";
import { KIND, type PublisherPin, readPin } from "./rows.ts";

const common = {
  type: "https://rising-bsm.com/publisher-key/v1",
  publisher: "acme",
  issuedAt: "2026-11-01T00:00:00Z",
} as const;
const highest = { version: "1.0.0", seq: 1, sha256: "0".repeat(64) };

let own: SigningKey;
let next: SigningKey;
let recovery: SigningKey;
let nextRecovery: SigningKey;
let thief: SigningKey;
beforeAll(async () => {
  [own, next, recovery, nextRecovery, thief] = await Promise.all([
    randomKey(),
    randomKey(),
    randomKey(),
    randomKey(),
    randomKey(),
  ]);
});

const keyOf = ({ keyId, publicKey }: SigningKey) => ({ keyId, publicKey: base64url(publicKey) });

const add = (key: SigningKey, by: SigningKey) =>
  signKeyStatement({ ...common, action: "add", ...keyOf(key) }, by);

const revoke = (key: SigningKey, by: SigningKey) =>
  signKeyStatement({ ...common, action: "revoke", revokes: [key.keyId], fromIndex: 5 }, by);

function recover(key: SigningKey, by: SigningKey): Promise<Envelope> {
  const statement: KeyStatement = {
    ...common,
    action: "recover",
    ...keyOf(key),
    recoveryKey: base64url(by.publicKey),
    recovery: nextRecovery.keyId,
    fromIndex: 5,
  };
  return signKeyStatement(statement, by);
}

const pinOf = (pin: Partial<PublisherPin> = {}): PublisherPin => ({
  publisher: "acme",
  keys: [keyOf(own)],
  recovery: recovery.keyId,
  highest,
  ...pin,
});

interface Offer {
  readonly by: SigningKey;
  readonly pin?: PublisherPin | null;
  readonly announced?: Partial<PluginDocument["publisher"]>;
  readonly vouched?: Policy["publisherKeys"];
  readonly accept?: boolean;
}

/** Offers a release signed by `by`; unless told otherwise the catalogue announces that very key. */
function offer({ by, pin = pinOf(), announced, vouched = [], accept = false }: Offer) {
  const publisher = {
    name: "acme",
    keys: [keyOf(by)],
    recovery: null,
    statements: [],
    ...announced,
  };
  const document: PluginDocument = {
    type: "https://rising-bsm.com/plugin/v1",
    name: HELLO,
    displayName: HELLO,
    publisher,
    channels: {},
    versions: [],
  };
  const policy: Policy = { type: "https://rising-bsm.com/policy/v1", publisherKeys: vouched };
  const offered = { name: HELLO, document, pin, trust: { policy }, acceptPublisher: accept };
  return acceptPublisher(offered, { publisherKeyId: by.keyId });
}

const idsOf = ({ keys }: AcceptedPublisher) => keys.keys.map(({ keyId }) => keyId);

test("the first install pins what the catalogue announces", async () => {
  const announced = { keys: [keyOf(own), keyOf(next)], recovery: recovery.keyId };
  const accepted = await offer({ by: own, pin: null, announced });
  expect(accepted.keys).toMatchObject({ publisher: "acme", recovery: recovery.keyId });
  expect(idsOf(accepted)).toEqual([own.keyId, next.keyId]);
  expect(accepted.publicKey).toEqual(own.publicKey);
});

test("a release whose key nobody announces is refused", async () => {
  const announced = { keys: [keyOf(own)] };
  expect(await codeOf(offer({ by: thief, pin: null, announced }))).toBe("trust_release_invalid");
  expect(await codeOf(offer({ by: thief, announced, accept: true }))).toBe("trust_release_invalid");
});

test("a key that a pinned one vouches for is accepted and pinned", async () => {
  const statements = [await add(next, own)];
  const accepted = await offer({ by: next, announced: { statements } });
  expect(idsOf(accepted)).toEqual([own.keyId, next.keyId]);
  expect(accepted.keys.recovery).toBe(recovery.keyId);
});

test("the pre-committed recovery key puts one key in the place of all", async () => {
  const statements = [await recover(next, recovery)];
  const accepted = await offer({ by: next, announced: { statements } });
  expect(accepted.keys.recovery).toBe(nextRecovery.keyId);
  expect(accepted.keys.keys).toMatchObject([
    { keyId: own.keyId, revokedFrom: 5 },
    { keyId: next.keyId },
  ]);
  expect((await offer({ by: own, announced: { statements } })).revokedFrom).toBe(5);
});

test.each([
  ["no statement", async () => []],
  ["a statement of another key", async () => [await add(thief, next)]],
  ["a statement of its own", async () => [await add(thief, thief)]],
  ["a recovery key that nobody committed to", async () => [await recover(thief, thief)]],
  ["a pin without a recovery key", async () => [await recover(thief, recovery)]],
])("a new key with %s stops the update", async (what, statementsOf) => {
  const pin = pinOf(what.startsWith("a pin") ? { recovery: null } : {});
  const announced = { statements: await statementsOf(), recovery: thief.keyId };
  await expect(offer({ by: thief, pin, announced })).rejects.toMatchObject({
    code: "trust_publisher_changed",
    detail: { publisher: "acme", publisherKeyId: thief.keyId, pinned: { publisher: "acme" } },
  });
});

test("another recovery key in the catalogue changes nothing in the pin", async () => {
  const accepted = await offer({ by: own, announced: { recovery: thief.keyId }, accept: true });
  expect(accepted.keys).toEqual({
    publisher: "acme",
    keys: [keyOf(own)],
    recovery: recovery.keyId,
  });
});

test("the offline policy can vouch for a publisher's key, and for that publisher's only", async () => {
  const entry = { ...keyOf(next), publisher: "acme", reason: "All keys were lost" };
  expect(idsOf(await offer({ by: next, vouched: [entry] }))).toEqual([own.keyId, next.keyId]);
  const other = { ...entry, publisher: "evil" };
  expect(await codeOf(offer({ by: next, vouched: [other] }))).toBe("trust_publisher_changed");
});

test("a scope that went to another publisher stops the update, even under a pinned key", async () => {
  const announced = { name: "evil" };
  await expect(offer({ by: own, announced })).rejects.toMatchObject({
    code: "trust_publisher_changed",
    message: expect.stringContaining("belongs to evil now"),
  });
  const accepted = await offer({ by: own, announced, accept: true });
  expect(accepted.keys.publisher).toBe("evil");
});

test("a revoked key never comes back: by no statement, policy, catalogue or administrator", async () => {
  const pin = pinOf({ keys: [{ ...keyOf(own), revokedFrom: 5 }, keyOf(next)] });
  const entry = { ...keyOf(own), publisher: "acme", reason: "" };
  const again = { announced: { statements: [await add(own, next)] }, vouched: [entry] };
  const offered = await offer({ by: own, pin, ...again });
  expect(offered.revokedFrom).toBe(5);
  expect(idsOf(offered)).toEqual([own.keyId, next.keyId]);
  const accepted = await offer({ by: own, pin, announced: { name: "evil" }, accept: true });
  expect(accepted.revokedFrom).toBe(5);
  const without = { name: "evil", keys: [keyOf(thief)] };
  const others = await offer({ by: thief, pin, announced: without, accept: true });
  expect(others.keys.keys).toContainEqual({ ...keyOf(own), revokedFrom: 5 });
  expect(idsOf(others)).not.toContain(next.keyId);
});

test("a revocation that only the catalogue tells counts, and is not pinned", async () => {
  const announced = { keys: [{ ...keyOf(own), revokedFrom: 7 }] };
  const accepted = await offer({ by: own, announced });
  expect(accepted.revokedFrom).toBe(7);
  expect(accepted.keys.keys).toEqual([keyOf(own)]);
  const statements = [await add(next, own), await revoke(own, next)];
  expect((await offer({ by: own, announced: { ...announced, statements } })).revokedFrom).toBe(5);
});

test("a pin that was written before there were recovery keys is read", async () => {
  const store = createMemoryStore();
  const value = { publisher: "acme", keys: [keyOf(own)], highest };
  await store.commit([{ kind: KIND.pin, key: HELLO, value }]);
  expect(await readPin(store, HELLO)).toEqual({ ...value, recovery: null });
});
