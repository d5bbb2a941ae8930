import { env } from "cloudflare:workers";
import {
  base64url,
  pluginDocumentSchema,
  proveKeyPossession,
  publisherKeysSchema,
  signKeyStatement,
  signingKeyFromSeed,
} from "@rising-bsm/protocol";
import type { Envelope, SigningKey } from "@rising-bsm/protocol";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { Bindings } from "../env.ts";
import { beforeBatch, failingAt } from "../testing-bindings.ts";
import {
  buildBundle,
  call,
  createAccount,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import type { Account } from "../testing.ts";

let count = 0;

beforeAll(resetMarketplace);

const newAccount = () => createAccount(`keys-${++count}x`);
const newKey = () => signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));

async function keysOf(publisher: string) {
  return publisherKeysSchema.parse(await (await call(`/v1/publishers/${publisher}/keys`)).json());
}

async function proof({ token }: Account, key: SigningKey) {
  const answer = await send("POST", "/v1/keys/challenge", { token, body: {} });
  const { challenge } = z.object({ challenge: z.string() }).parse(await answer.json());
  const signature = await proveKeyPossession(key, challenge);
  return { publicKey: base64url(key.publicKey), challenge, signature };
}

async function enroll(
  account: Account,
  key: SigningKey,
  {
    bindings = env,
    ...more
  }: { bindings?: Bindings; statement?: Envelope; recoveryHash?: string } = {},
) {
  const body = { ...(await proof(account, key)), ...more };
  return send("POST", "/v1/keys", { token: account.token, body, bindings });
}

const head = (publisher: string) => ({
  type: "https://rising-bsm.com/publisher-key/v1" as const,
  publisher,
  issuedAt: new Date().toISOString(),
});

function vouchFor(
  { publisher }: Pick<Account, "publisher">,
  key: SigningKey,
  by: SigningKey,
): Promise<Envelope> {
  const { keyId } = key;
  const statement = {
    ...head(publisher),
    action: "add" as const,
    keyId,
    publicKey: base64url(key.publicKey),
  };
  return signKeyStatement(statement, by);
}

function revocation(
  { publisher }: Account,
  of: SigningKey,
  said: { by: SigningKey; fromIndex: number },
) {
  const { by, fromIndex } = said;
  const statement = {
    ...head(publisher),
    action: "revoke" as const,
    revokes: [of.keyId],
    fromIndex,
  };
  return signKeyStatement(statement, by);
}

async function logged(publisher: string): Promise<string[]> {
  const rows = await env.DB.prepare("SELECT entry FROM log_entries ORDER BY place").all<{
    entry: string;
  }>();
  return rows.results
    .map(({ entry }) =>
      z
        .looseObject({ type: z.string(), publisher: z.string().optional() })
        .parse(JSON.parse(entry)),
    )
    .filter((entry) => entry.publisher === publisher)
    .map(({ type }) => type);
}

test("a key that another vouches for is listed with the statement, and both are logged", async () => {
  const account = await newAccount();
  const key = await newKey();
  const statement = await vouchFor(account, key, account.key);
  expect(await (await enroll(account, key, { statement })).json()).toMatchObject({ vouched: true });
  expect((await enroll(account, key, { statement })).status).toBe(200);
  const known = await keysOf(account.publisher);
  expect(known.statements).toEqual([statement]);
  expect(known.keys.map(({ keyId }) => keyId)).toEqual([account.key.keyId, key.keyId]);
  expect(await logged(account.publisher)).toEqual(["key-add", "key-add"]);
});

test("a key without a statement enrols, and the answer says what hosts will do", async () => {
  const account = await newAccount();
  const answer = await enroll(account, await newKey());
  expect(answer.status).toBe(201);
  expect(await answer.json()).toMatchObject({
    vouched: false,
    note: expect.stringContaining("hosts"),
  });
});

test("a statement counts when a key of this publisher made it about this key", async () => {
  const account = await newAccount();
  const other = await newAccount();
  const [key, another] = [await newKey(), await newKey()];
  const attempts = [
    [await vouchFor(account, key, other.key), "signature_untrusted_key"],
    [await vouchFor(account, key, key), "signature_untrusted_key"],
    [await vouchFor(other, key, account.key), "signature_invalid"],
    [await vouchFor(account, another, account.key), "request_invalid"],
    [await revocation(account, key, { by: account.key, fromIndex: 0 }), "request_invalid"],
  ] as const;
  for (const [statement, code] of attempts) {
    expect((await refusal(await enroll(account, key, { statement })))[1]).toBe(code);
  }
  expect((await keysOf(account.publisher)).keys).toHaveLength(1);
});

test("the recovery key is fixed with the first key", async () => {
  const account = await newAccount();
  const late = await enroll(account, await newKey(), { recoveryHash: "a".repeat(64) });
  expect(await refusal(late)).toEqual([409, "conflict_state"]);
  expect((await keysOf(account.publisher)).recovery).toBeNull();
});

test("a revoked key publishes nothing more, never comes back, and what it released stays", async () => {
  const account = await newAccount();
  const name = `${account.scope}/hello`;
  const first = await buildBundle(account.key, { name, version: "1.0.0" });
  expect((await publish({ name, version: "1.0.0" }, first, account)).status).toBe(201);
  const { nextIndex } = await keysOf(account.publisher);
  const path = `/v1/keys/${account.key.keyId}/revoke`;
  const ask = (body: object) => send("POST", path, { token: account.token, body });
  expect(await refusal(await ask({}))).toEqual([400, "request_invalid"]);
  const by = account.key;
  const late = await revocation(account, by, { by, fromIndex: nextIndex + 10 });
  expect(await refusal(await ask({ statement: late }))).toEqual([400, "request_invalid"]);
  const statement = await revocation(account, by, { by, fromIndex: nextIndex });
  for (let i = 0; i < 2; i++) expect((await ask({ statement })).status).toBe(200);
  expect(await logged(account.publisher)).toEqual(["key-add", "key-revoke"]);
  const second = await buildBundle(account.key, { name, version: "1.0.1" });
  expect(await refusal(await publish({ name, version: "1.0.1" }, second, account))).toEqual([
    403,
    "trust_key_revoked",
  ]);
  expect((await publish({ name, version: "1.0.0" }, first, account)).status).toBe(200);
  expect(await refusal(await enroll(account, account.key))).toEqual([403, "trust_key_revoked"]);
  const document = await (await call(`/index/${name}.json`)).json();
  expect(document).toMatchObject({
    publisher: { keys: [{ keyId: by.keyId, revokedFrom: nextIndex }] },
    versions: [{ version: "1.0.0" }],
  });
});

test("another publisher neither revokes a key nor enrols it", async () => {
  const [account, other] = [await newAccount(), await newAccount()];
  const statement = await revocation(other, account.key, { by: other.key, fromIndex: 0 });
  const path = `/v1/keys/${account.key.keyId}/revoke`;
  expect(
    await refusal(await send("POST", path, { token: other.token, body: { statement } })),
  ).toEqual([403, "auth_scope"]);
  expect(await refusal(await enroll(other, account.key))).toEqual([409, "conflict_exists"]);
});

test.each(["failed", "failed but stored"] as const)(
  "an enrolment and a revocation whose write %s are whole after the same again",
  { timeout: 120_000 },
  async (fault) => {
    for (let nth = 1; ; nth++) {
      const account = await newAccount();
      const key = await newKey();
      const statement = await vouchFor(account, key, account.key);
      const { bindings, hit } = failingAt(env, nth, fault);
      const first = await enroll(account, key, { statement, bindings });
      if (!hit()) return expect(first.status).toBe(201);
      expect((await enroll(account, key, { statement })).ok).toBe(true);
      const { fromIndex, by } = { fromIndex: 0, by: key };
      const body = { statement: await revocation(account, account.key, { by, fromIndex }) };
      const path = `/v1/keys/${account.key.keyId}/revoke`;
      const broken = failingAt(env, nth, fault).bindings;
      await send("POST", path, { token: account.token, body, bindings: broken });
      expect((await send("POST", path, { token: account.token, body })).status).toBe(200);
      expect(await logged(account.publisher)).toEqual(["key-add", "key-add", "key-revoke"]);
      const audited = await env.DB.prepare(
        "SELECT count(*) AS n FROM audit WHERE action IN ('key.enroll', 'key.revoke') AND detail LIKE ?",
      )
        .bind(`%"${account.publisher}"%`)
        .first("n");
      expect(audited).toBe(3);
      expect((await keysOf(account.publisher)).statements).toHaveLength(2);
    }
  },
);

test("of two changes at once both are decided on what the other left", async () => {
  const account = await newAccount();
  const keys = await Promise.all(Array.from({ length: 6 }, newKey));
  const answers = await Promise.all(
    keys.map(async (key) =>
      enroll(account, key, { statement: await vouchFor(account, key, account.key) }),
    ),
  );
  const stored = answers.filter(({ status }) => status === 201).length;
  const known = await keysOf(account.publisher);
  expect(known.keys).toHaveLength(1 + stored);
  expect(known.statements).toHaveLength(stored);
});

test("what is let in while the administrator revokes a key still counts", async () => {
  const account = await newAccount();
  const target = { name: `${account.scope}/hello`, version: "1.0.0" };
  const bundle = await buildBundle(account.key, target);
  const bindings = beforeBatch(env, 2, async () => {
    expect((await publish(target, bundle, account)).status).toBe(201);
  });
  const path = `/v1/keys/${account.key.keyId}/revoke`;
  const answer = await send("POST", path, { body: { reason: "It was lost" }, bindings });
  expect(answer.status).toBe(200);
  const [key] = publisherKeysSchema.parse(await answer.json()).keys;
  const { versions } = pluginDocumentSchema.parse(
    await (await call(`/index/${target.name}.json`)).json(),
  );
  expect(key?.revokedFrom).toBeGreaterThan(versions[0]?.logIndex ?? Infinity);
});
