import {
  applyKeyStatement,
  base64url,
  type Envelope,
  fromHex,
  type KeyStatement,
  keyId,
  proveKeyPossession,
  type PublisherKeys,
  signKeyStatement,
  type SigningKey,
  statementDigest,
} from "../../packages/protocol/src/index.ts";
import { keyOf } from "./seeds.ts";

const common = {
  type: "https://rising-bsm.com/publisher-key/v1",
  publisher: "acme",
  issuedAt: "2026-01-02T03:04:05Z",
} as const;

const named = ({ keyId: id, publicKey }: SigningKey) => ({
  keyId: id,
  publicKey: base64url(publicKey),
});
const add = (key: SigningKey) => ({ ...common, action: "add", ...named(key) }) as const;

function recover(to: SigningKey, by: SigningKey, next: SigningKey): KeyStatement {
  const recoveryKey = base64url(by.publicKey);
  const fromIndex = 55;
  return {
    ...common,
    action: "recover",
    ...named(to),
    recoveryKey,
    recovery: next.keyId,
    fromIndex,
  };
}

type Actors = Record<"first" | "second" | "third" | "recovery" | "nextRecovery", SigningKey>;

/** Vectors of docs/spec/publisher-keys.md. */
export async function publisherKeysVectors() {
  const pairs = {
    first: await keyOf(3),
    second: await keyOf(4),
    third: await keyOf(5),
    recovery: await keyOf(6),
    nextRecovery: await keyOf(7),
  };
  const { first, second, third, recovery, nextRecovery } = pairs;
  const actors: Actors = {
    first: first.key,
    second: second.key,
    third: third.key,
    recovery: recovery.key,
    nextRecovery: nextRecovery.key,
  };
  const pinned: PublisherKeys = {
    publisher: "acme",
    keys: [named(first.key)],
    recovery: recovery.key.keyId,
  };
  const revokes = [second.key.keyId];
  const challenge = "a challenge of the marketplace";
  return {
    keys: Object.fromEntries(Object.entries(pairs).map(([name, { shown }]) => [name, shown])),
    possession: { challenge, signature: await proveKeyPossession(first.key, challenge) },
    pinned,
    steps: await follow(pinned, [
      await signKeyStatement(add(second.key), first.key),
      await signKeyStatement({ ...common, action: "revoke", revokes, fromIndex: 40 }, first.key),
      await signKeyStatement(recover(third.key, recovery.key, nextRecovery.key), recovery.key),
    ]),
    refused: await refused(actors),
  };
}

/** Statements that change nothing for whoever knows the pinned keys. */
async function refused({ first, second, third, recovery, nextRecovery }: Actors) {
  const weak = fromHex(`01${"00".repeat(31)}`);
  const weakKey = { keyId: await keyId(weak), publicKey: base64url(weak) };
  const [untrusted, invalid] = ["signature_untrusted_key", "signature_invalid"];
  const cases: readonly (readonly [string, string, KeyStatement, SigningKey])[] = [
    ["a key that the publisher has not", untrusted, add(second), third],
    ["the recovery key adds a key", untrusted, add(second), recovery],
    ["another publisher", invalid, { ...add(second), publisher: "other" }, first],
    ["an id that is not the key's", invalid, { ...add(second), keyId: third.keyId }, first],
    ["a key of small order", "signature_key_rejected", { ...add(second), ...weakKey }, first],
    [
      "a recovery key that was not committed to",
      untrusted,
      recover(third, nextRecovery, second),
      nextRecovery,
    ],
    ["the shown recovery key again", invalid, recover(third, recovery, recovery), recovery],
  ];
  return Promise.all(
    cases.map(async ([name, code, statement, by]) => ({
      name,
      code,
      envelope: await signKeyStatement(statement, by),
    })),
  );
}

/** What is known after each statement. */
async function follow(pinned: PublisherKeys, envelopes: readonly Envelope[]) {
  let known = pinned;
  const steps = [];
  for (const envelope of envelopes) {
    const { statement, keys } = await applyKeyStatement(known, envelope);
    known = keys;
    steps.push({ statement, digest: await statementDigest(envelope), envelope, after: keys });
  }
  return steps;
}
