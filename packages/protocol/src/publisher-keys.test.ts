import * as fc from "fast-check";
import { describe, expect, inject, test } from "vitest";
import { z } from "zod";
import { signEnvelope, type Envelope } from "./dsse.ts";
import { base64, base64url, fromBase64, fromHex, utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { keyId, signingKeyFromSeed, type SigningKey } from "./keys.ts";
import {
  applyKeyStatement,
  followKeys,
  KEY_PAYLOAD_TYPE,
  signKeyStatement,
  statementDigest,
  type KeyStatement,
  type PublisherKeyEntry,
  type PublisherKeys,
} from "./publisher-keys.ts";

const everyday = await Promise.all([1, 2, 3, 4].map(keyOf));
const recovery = await Promise.all([11, 12, 13].map(keyOf));
const [first, second, third, thief] = everyday as [SigningKey, SigningKey, SigningKey, SigningKey];
const [rescue, nextRescue] = recovery as [SigningKey, SigningKey, SigningKey];

function keyOf(byte: number): Promise<SigningKey> {
  return signingKeyFromSeed(new Uint8Array(32).fill(byte));
}

const common = {
  type: "https://rising-bsm.com/publisher-key/v1",
  publisher: "acme",
  issuedAt: "2026-01-02T03:04:05Z",
} as const;

const named = (key: SigningKey) => ({ keyId: key.keyId, publicKey: base64url(key.publicKey) });
const entry = (key: SigningKey, revokedFrom?: number): PublisherKeyEntry =>
  revokedFrom === undefined ? named(key) : { ...named(key), revokedFrom };

const pinned: PublisherKeys = {
  publisher: "acme",
  keys: [entry(first)],
  recovery: rescue.keyId,
};

const add = (key: SigningKey): KeyStatement => ({ ...common, action: "add", ...named(key) });
const revoke = (keys: readonly SigningKey[], fromIndex: number): KeyStatement => ({
  ...common,
  action: "revoke",
  revokes: keys.map((key) => key.keyId),
  fromIndex,
});
const recover = (to: SigningKey, by = rescue, next = nextRescue): KeyStatement => ({
  ...common,
  action: "recover",
  ...named(to),
  recoveryKey: base64url(by.publicKey),
  recovery: next.keyId,
  fromIndex: 7,
});

const refusedAs = (code: string) => expect.objectContaining({ name: "RbsmError", code });
const untrusted = refusedAs("signature_untrusted_key");
const invalid = refusedAs("signature_invalid");

async function after(known: PublisherKeys, statement: KeyStatement, by: SigningKey) {
  return (await applyKeyStatement(known, await signKeyStatement(statement, by))).keys;
}

describe("add", () => {
  test("by a key of the publisher lets another one sign", async () => {
    const { statement, keys } = await applyKeyStatement(
      pinned,
      await signKeyStatement(add(second), first),
    );
    expect(statement).toEqual(add(second));
    expect(keys).toEqual({ ...pinned, keys: [entry(first), entry(second)] });
    expect(await after(keys, add(third), second)).toMatchObject({
      keys: [entry(first), entry(second), entry(third)],
    });
  });

  test("of a key that is there changes nothing", async () => {
    expect(await after(pinned, add(first), first)).toEqual(pinned);
  });

  test.each([
    ["a stranger", thief],
    ["the recovery key", rescue],
  ])("by %s is refused", async (_, by) => {
    await expect(after(pinned, add(second), by)).rejects.toEqual(untrusted);
  });

  test("by a revoked key is refused", async () => {
    const keys = await after(pinned, revoke([first], 5), first);
    expect(keys.keys).toEqual([entry(first, 5)]);
    await expect(after(keys, add(second), first)).rejects.toEqual(untrusted);
  });

  test("of a revoked key is refused, also when an older statement is shown again", async () => {
    const old = await signKeyStatement(add(second), first);
    const both = (await applyKeyStatement(pinned, old)).keys;
    const keys = await after(both, revoke([second], 5), first);
    await expect(applyKeyStatement(keys, old)).rejects.toEqual(invalid);
    expect(await followKeys(keys, [old])).toEqual(keys);
  });

  test("of the recovery key is refused", async () => {
    await expect(after(pinned, add(rescue), first)).rejects.toEqual(invalid);
  });

  test("under the id of another key is refused", async () => {
    const mixed: KeyStatement = { ...add(second), ...named(third), keyId: second.keyId };
    await expect(after(pinned, mixed, first)).rejects.toEqual(invalid);
  });

  test.each([
    ["the neutral element", `01${"00".repeat(31)}`],
    ["a point of order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"],
    ["a point off the curve", `02${"00".repeat(31)}`],
    ["y = p", `ed${"ff".repeat(30)}7f`],
  ])("of %s is refused", async (_, key) => {
    await expect(after(pinned, await addRaw(fromHex(key)), first)).rejects.toEqual(
      refusedAs("signature_key_rejected"),
    );
  });
});

async function addRaw(publicKey: Uint8Array): Promise<KeyStatement> {
  const named = { keyId: await keyId(publicKey), publicKey: base64url(publicKey) };
  return { ...common, action: "add", ...named };
}

const { cctv } = inject("ed25519Vectors");
const edgeCase = z.object({ key: z.string(), flags: z.array(z.string()).nullable() });

test.skipIf(cctv === undefined)("no low-order key of the CCTV vectors is added", async () => {
  const weak = z
    .array(edgeCase)
    .parse(JSON.parse(cctv ?? ""))
    .filter(({ flags }) => flags?.includes("low_order_A") === true);
  const keys = new Set(weak.map(({ key }) => key));
  expect(keys.size).toBeGreaterThanOrEqual(8);
  for (const key of keys) {
    await expect(after(pinned, await addRaw(fromHex(key)), first)).rejects.toEqual(
      refusedAs("signature_key_rejected"),
    );
  }
});

describe("revoke", () => {
  const both = { ...pinned, keys: [entry(first), entry(second)] };

  test("lets keys count up to a place in the log only, and they stay listed", async () => {
    const keys = await after(both, revoke([second], 12), first);
    expect(keys.keys).toEqual([entry(first), entry(second, 12)]);
  });

  test("moves that place back, never forward", async () => {
    const keys = await after(both, revoke([second], 12), first);
    expect((await after(keys, revoke([second], 3), first)).keys[1]).toEqual(entry(second, 3));
    expect(await after(keys, revoke([second], 90), first)).toEqual(keys);
  });

  test("of keys that nobody knows changes nothing", async () => {
    expect(await after(both, revoke([thief], 0), first)).toEqual(both);
  });

  test("of every key leaves the recovery key alone to speak", async () => {
    const keys = await after(both, revoke([first, second], 3), first);
    await expect(after(keys, add(third), second)).rejects.toEqual(untrusted);
    expect(await after(keys, recover(third), rescue)).toMatchObject({
      keys: [entry(first, 3), entry(second, 3), entry(third)],
    });
  });

  test("by the recovery key is refused", async () => {
    await expect(after(both, revoke([first], 0), rescue)).rejects.toEqual(untrusted);
  });
});

describe("recover", () => {
  test("puts one key in the place of all, and another recovery key in that of the shown one", async () => {
    const stolen = await after(pinned, add(thief), first);
    expect(await after(stolen, recover(second), rescue)).toEqual({
      publisher: "acme",
      keys: [entry(first, 7), entry(thief, 7), entry(second)],
      recovery: nextRescue.keyId,
    });
  });

  test("keeps an earlier revocation and the key that it names", async () => {
    const known = { ...pinned, keys: [entry(first, 2), entry(second), entry(third)] };
    expect((await after(known, recover(second), rescue)).keys).toEqual([
      entry(first, 2),
      entry(third, 7),
      entry(second),
    ]);
  });

  test("is refused with a recovery key that was not committed to", async () => {
    await expect(after(pinned, recover(thief, thief), thief)).rejects.toEqual(untrusted);
    const none = { ...pinned, recovery: null };
    await expect(after(none, recover(second), rescue)).rejects.toEqual(untrusted);
  });

  test("is refused when it shows the recovery key and another one signs", async () => {
    await expect(after(pinned, recover(second), first)).rejects.toEqual(untrusted);
    const forged = await signKeyStatement(recover(second), thief);
    const [signature] = forged.signatures;
    const renamed: Envelope = { ...forged, signatures: [{ ...signature, keyid: rescue.keyId }] };
    await expect(applyKeyStatement(pinned, renamed)).rejects.toEqual(invalid);
  });

  test("is refused when it is shown again", async () => {
    const keys = await after(pinned, recover(second), rescue);
    await expect(after(keys, recover(second), rescue)).rejects.toEqual(untrusted);
    await expect(after(keys, recover(third), rescue)).rejects.toEqual(untrusted);
    expect((await after(keys, recover(third, nextRescue, thief), nextRescue)).recovery).toBe(
      thief.keyId,
    );
  });

  test.each([
    ["to a revoked key", recover(third)],
    ["to the recovery key itself", recover(rescue)],
    ["with the same recovery key again", recover(second, rescue, rescue)],
    ["with an everyday key as the next recovery key", recover(second, rescue, first)],
    ["with the new key as the next recovery key", recover(second, rescue, second)],
  ])("%s is refused", async (_, statement) => {
    const known = { ...pinned, keys: [entry(first), entry(third, 4)] };
    await expect(after(known, statement, rescue)).rejects.toEqual(invalid);
  });

  test("with a weak recovery key is refused", async () => {
    const weak = fromHex(`01${"00".repeat(31)}`);
    const known = { ...pinned, recovery: await keyId(weak) };
    const statement = { ...recover(second), recoveryKey: base64url(weak) };
    await expect(after(known, statement, rescue)).rejects.toEqual(
      refusedAs("signature_key_rejected"),
    );
  });
});

describe("a statement is refused", () => {
  test("for another publisher", async () => {
    const elsewhere = { ...add(second), publisher: "other" };
    await expect(after(pinned, elsewhere, first)).rejects.toEqual(invalid);
  });

  test("when its signature is over another type of payload", async () => {
    const payload = utf8(JSON.stringify(add(second)));
    const disguised = await signEnvelope(
      "application/vnd.rising-bsm.release.v1+json",
      payload,
      first,
    );
    await expect(applyKeyStatement(pinned, disguised)).rejects.toEqual(invalid);
  });

  test.each([
    ["an unknown member", { note: "x" }],
    ["another type", { type: "https://rising-bsm.com/release/v1" }],
    ["an unknown action", { action: "replace" }],
    ["a key that is not base64url", { publicKey: "+".repeat(43) }],
    ["a key with unused bits", { publicKey: `${"A".repeat(42)}B` }],
    ["no time", { issuedAt: "yesterday" }],
  ])("with %s", async (_, change) => {
    const payload = utf8(JSON.stringify({ ...add(second), ...change }));
    const envelope = await signEnvelope(KEY_PAYLOAD_TYPE, payload, first);
    await expect(applyKeyStatement(pinned, envelope)).rejects.toEqual(invalid);
  });

  test("when it revokes nothing", async () => {
    await expect(after(pinned, revoke([], 0), first)).rejects.toEqual(invalid);
  });

  test("when a byte of its payload is another", async () => {
    const envelope = await signKeyStatement(add(second), first);
    const payload = fromBase64(envelope.payload);
    for (let at = 0; at < payload.length; at++) {
      const changed = { ...envelope, payload: base64(payload.with(at, (payload[at] ?? 0) ^ 1)) };
      await expect(applyKeyStatement(pinned, changed), `byte ${at}`).rejects.toThrow(RbsmError);
    }
  });
});

test("a statement is named by its payload's digest, whoever signed it", async () => {
  const [one, two] = [
    await signKeyStatement(add(third), first),
    await signKeyStatement(add(third), second),
  ];
  expect(await statementDigest(one)).toBe(await keyId(fromBase64(one.payload)));
  expect(await statementDigest(JSON.stringify(two))).toBe(await statementDigest(one));
  expect(() => statementDigest("{}")).toThrow(invalid);
});

test("what is not the fault of a statement is not passed over", async () => {
  const broken: readonly Envelope[] = [Object.create(null)];
  await expect(followKeys(pinned, broken)).rejects.not.toBeInstanceOf(RbsmError);
});

/** A statement as a test makes one up: who signs it, and what may be wrong with it. */
interface Move {
  readonly action: "add" | "revoke" | "recover";
  readonly by: number;
  readonly key: number;
  readonly next: number;
  readonly fromIndex: number;
  readonly flaw: "none" | "publisher" | "key id" | "signature";
}

const moves = fc.array(
  fc.record<Move>({
    action: fc.constantFrom("add", "add", "revoke", "recover"),
    by: fc.nat(3),
    key: fc.nat(3),
    next: fc.nat(2),
    fromIndex: fc.nat(9),
    flaw: fc.constantFrom("none", "none", "none", "none", "publisher", "key id", "signature"),
  }),
  { maxLength: 8 },
);

function signerOf({ action, by }: Move): SigningKey {
  return (action === "recover" ? recovery[by % 3] : everyday[by]) ?? thief;
}

async function envelopeOf(move: Move): Promise<Envelope> {
  const { action, key, next, fromIndex, flaw } = move;
  const to = everyday[key] ?? thief;
  const statement = {
    ...common,
    ...(flaw === "publisher" ? { publisher: "other" } : {}),
    action,
    ...(action === "revoke" ? { revokes: [to.keyId] } : named(to)),
    ...(flaw === "key id" && action !== "revoke" ? { keyId: "00".repeat(32) } : {}),
    ...(action === "recover"
      ? { recoveryKey: base64url(signerOf(move).publicKey), recovery: recovery[next]?.keyId }
      : {}),
    ...(action === "add" ? {} : { fromIndex }),
  } as KeyStatement;
  const envelope = await signKeyStatement(statement, signerOf(move));
  if (flaw !== "signature") return envelope;
  const forged = await signKeyStatement(statement, await keyOf(99));
  const [{ keyid }] = envelope.signatures;
  return { ...forged, signatures: [{ ...forged.signatures[0], keyid }] };
}

/** The keys as a table of what was said: no bytes, no signatures, only who may say what. */
interface Model {
  readonly active: ReadonlySet<string>;
  readonly revoked: ReadonlyMap<string, number>;
  readonly recovery: string;
}

const isSound = ({ flaw, action }: Move) =>
  flaw === "none" || (flaw === "key id" && action === "revoke");

function step(model: Model, move: Move): Model {
  const [by, to] = [signerOf(move).keyId, everyday[move.key]?.keyId ?? ""];
  if (!isSound(move)) return model;
  if (move.action === "recover") return recovered(model, move, to);
  if (!model.active.has(by)) return model;
  if (move.action === "revoke") return revoked(model, [to], move.fromIndex);
  return model.revoked.has(to) ? model : { ...model, active: new Set([...model.active, to]) };
}

function revoked(model: Model, ids: readonly string[], fromIndex: number): Model {
  const [active, places] = [new Set(model.active), new Map(model.revoked)];
  for (const id of ids.filter((one) => active.has(one) || places.has(one))) {
    active.delete(id);
    places.set(id, Math.min(places.get(id) ?? Infinity, fromIndex));
  }
  return { ...model, active, revoked: places };
}

function recovered(model: Model, move: Move, to: string): Model {
  const [by, next] = [signerOf(move).keyId, recovery[move.next]?.keyId ?? ""];
  if (by !== model.recovery || next === by || model.revoked.has(to)) return model;
  const others = [...model.active, ...model.revoked.keys()].filter((id) => id !== to);
  return { ...revoked(model, others, move.fromIndex), active: new Set([to]), recovery: next };
}

function modelOf({ keys, recovery: id }: PublisherKeys): Model {
  const revoked = keys.flatMap(({ keyId: key, revokedFrom }) =>
    revokedFrom === undefined ? [] : ([[key, revokedFrom]] as const),
  );
  const active = keys.filter(({ revokedFrom }) => revokedFrom === undefined);
  return {
    active: new Set(active.map(({ keyId: key }) => key)),
    revoked: new Map(revoked),
    recovery: id ?? "",
  };
}

describe("whatever statements a marketplace serves, in whatever order", () => {
  test("the keys are those of the model", async () => {
    await fc.assert(
      fc.asyncProperty(moves, async (list) => {
        const envelopes = await Promise.all(list.map(envelopeOf));
        const followed = await followKeys(pinned, envelopes);
        expect(modelOf(followed)).toEqual(list.reduce(step, modelOf(pinned)));
      }),
      { numRuns: 300 },
    );
  });

  test("no key is trusted to which no chain of sound statements leads", async () => {
    /** Keys that statements reach when nothing was ever revoked, left out or used up. */
    function reachable(list: readonly Move[]): Set<string> {
      const trusted = new Set([first.keyId, rescue.keyId]);
      for (let before = -1; before !== trusted.size;) {
        before = trusted.size;
        for (const move of list.filter(isSound)) {
          if (move.action === "revoke" || !trusted.has(signerOf(move).keyId)) continue;
          trusted.add(everyday[move.key]?.keyId ?? "");
          if (move.action === "recover") trusted.add(recovery[move.next]?.keyId ?? "");
        }
      }
      return trusted;
    }
    const served = moves.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list])),
    );
    await fc.assert(
      fc.asyncProperty(served, async ([list, shown]) => {
        const followed = await followKeys(pinned, await Promise.all(shown.map(envelopeOf)));
        const trusted = reachable(list);
        expect([...modelOf(followed).active].filter((id) => !trusted.has(id))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test("a key that was seen revoked stays so, from no later place", async () => {
    await fc.assert(
      fc.asyncProperty(moves, moves, async (seen, shown) => {
        const before = await followKeys(pinned, await Promise.all(seen.map(envelopeOf)));
        const later = [...seen.toReversed(), ...shown];
        const now = modelOf(await followKeys(before, await Promise.all(later.map(envelopeOf))));
        for (const [id, from] of modelOf(before).revoked) {
          expect(now.active.has(id)).toBe(false);
          expect(now.revoked.get(id)).toBeLessThanOrEqual(from);
        }
      }),
      { numRuns: 200 },
    );
  });
});
