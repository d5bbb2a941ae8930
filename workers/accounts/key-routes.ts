import {
  RbsmError,
  checkKeyPossession,
  fromBase64,
  fromBase64url,
  keyChallengeRequestSchema,
  keyChallengeResultSchema,
  keyEnrollmentRequestSchema,
  keyEnrollmentResultSchema,
  keyId,
  keyRecoveryRequestSchema,
  keyRevocationRequestSchema,
  keyStatementSchema,
  publisherKeysSchema,
  publisherNameSchema,
  sha256Schema,
  utf8Decode,
} from "@rising-bsm/protocol";
import type { PublisherKeysAnswer } from "@rising-bsm/protocol";
import { z } from "zod";
import { assertActsFor, requirePublisher } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import { secretBytes } from "../env.ts";
import type { Principal } from "../env.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import type { AppContext } from "../http.ts";
import { changeKeys, noPublisher } from "./change-keys.ts";
import { enrollKey } from "./enroll-key.ts";
import { createChallenge, openChallenge } from "./key-challenge.ts";
import { describeKeys, findKeyHolder, loadKeys } from "./key-queries.ts";
import { assertPublisherExists, ownsOtherScope } from "./queries.ts";
import { recoverKeys } from "./recover-keys.ts";
import { revokeKey } from "./revoke-key.ts";

const challengeRoute = createRoute({
  method: "post",
  path: "/v1/keys/challenge",
  middleware: [requirePublisher("keys")] as const,
  security: TOKEN,
  request: { body: jsonBody(keyChallengeRequestSchema) },
  responses: {
    200: jsonAnswer(keyChallengeResultSchema, "To be signed with the key that enrols"),
    default: problemAnswer,
  },
});

const keyRoute = createRoute({
  method: "post",
  path: "/v1/keys",
  middleware: [requirePublisher("keys")] as const,
  security: TOKEN,
  request: { body: jsonBody(keyEnrollmentRequestSchema) },
  responses: {
    200: jsonAnswer(keyEnrollmentResultSchema, "Enrolled before"),
    201: jsonAnswer(keyEnrollmentResultSchema, "Enrolled"),
    default: problemAnswer,
  },
});

const changed = {
  200: jsonAnswer(publisherKeysSchema, "Done, now or before: the keys as they are"),
  default: problemAnswer,
};

const revokeRoute = createRoute({
  method: "post",
  path: "/v1/keys/{keyId}/revoke",
  middleware: [requirePublisher("keys")] as const,
  security: TOKEN,
  request: {
    params: z.object({ keyId: sha256Schema }),
    body: jsonBody(keyRevocationRequestSchema),
  },
  responses: changed,
});

const recoverRoute = createRoute({
  method: "post",
  path: "/v1/keys/recover",
  middleware: [requirePublisher("keys")] as const,
  security: TOKEN,
  request: { body: jsonBody(keyRecoveryRequestSchema) },
  responses: changed,
});

const listRoute = createRoute({
  method: "get",
  path: "/v1/publishers/{name}/keys",
  request: { params: z.object({ name: publisherNameSchema }) },
  responses: {
    200: jsonAnswer(publisherKeysSchema, "The publisher's keys, revoked ones included"),
    default: problemAnswer,
  },
});

const UNVOUCHED =
  "No key of the publisher vouches for this one: hosts that have a plugin of theirs ask their administrator before they take a release that it signed";

/** Signing keys: a key enrols only by proving that its holder is there. */
export const keys = createRoutes();

keys.openapi(challengeRoute, async (c) => {
  const publisher = publisherOf(c.get("principal"), c.req.valid("json").publisher);
  const db = writeDatabase(c.env);
  await assertPublisherExists(db, publisher);
  await assertReachesEveryScope(db, c.get("principal"), publisher);
  const secret = secretBytes(c.env, "CURSOR_KEY");
  const { challenge, expiresAt } = await createChallenge(secret, { publisher, now: Date.now() });
  return c.json({ challenge, expiresAt: new Date(expiresAt).toISOString() }, 200);
});

/** Whose key it will be; a token can only speak for its own publisher. */
function publisherOf(principal: Principal, named: string | undefined): string {
  const publisher = named ?? (principal.kind === "token" ? principal.publisher : undefined);
  if (publisher === undefined) throw new RbsmError("request_invalid", "Name the publisher");
  assertActsFor(principal, publisher);
  return publisher;
}

/** A key signs for every scope of its publisher, so it is not for a token of only one of them. */
async function assertReachesEveryScope(
  db: Database,
  principal: Principal,
  publisher: string,
): Promise<void> {
  if (principal.kind === "admin" || principal.scope === null) return;
  if (await ownsOtherScope(db, { publisher, scope: principal.scope })) {
    throw new RbsmError("auth_scope", `The token is limited to ${principal.scope}`);
  }
}

keys.openapi(keyRoute, async (c) => {
  const { recoveryHash, statement, ...proof } = c.req.valid("json");
  const { publisher, key } = await provenKey(c, proof);
  const { changed: isNew, keys: after } = await changeKeys(c, {
    publisher,
    action: "key.enroll",
    subject: key.keyId,
    decide: (facts, now) => enrollKey(facts, { key, recoveryHash, statement }, now),
  });
  const vouched = isVouchedFor(after, key.keyId);
  const note = vouched ? {} : { note: UNVOUCHED };
  const answer = { keyId: key.keyId, recovery: after.recovery, vouched, ...note };
  return isNew ? c.json(answer, 201) : c.json(answer, 200);
});

interface Proof {
  readonly publicKey: string;
  readonly challenge: string;
  readonly signature: string;
}

/** The key whose holder signed a challenge of ours, for a publisher whom the token may speak for. */
async function provenKey(c: AppContext, { publicKey, challenge, signature }: Proof) {
  const secret = secretBytes(c.env, "CURSOR_KEY");
  const publisher = await openChallenge(secret, challenge, Date.now());
  await assertMayChangeKeys(c, publisher);
  const raw = fromBase64url(publicKey);
  await checkKeyPossession(raw, challenge, signature);
  const id = await keyId(raw);
  const holder = await findKeyHolder(writeDatabase(c.env), id);
  if (holder !== null && holder !== publisher) {
    throw new RbsmError("conflict_exists", "The key belongs to another publisher", {
      fix: "Make a key of your own: rising-bsm keys new",
    });
  }
  return { publisher, key: { keyId: id, publicKey } };
}

async function assertMayChangeKeys(c: AppContext, publisher: string): Promise<void> {
  assertActsFor(c.get("principal"), publisher);
  await assertReachesEveryScope(writeDatabase(c.env), c.get("principal"), publisher);
}

/** The first key needs nobody to vouch for it: hosts see it together with the publisher. */
function isVouchedFor({ keys: all, statements }: PublisherKeysAnswer, id: string): boolean {
  if (all[0]?.keyId === id) return true;
  return statements.some(({ payload }) => {
    const statement = keyStatementSchema.parse(JSON.parse(utf8Decode(fromBase64(payload))));
    return statement.action !== "revoke" && statement.keyId === id;
  });
}

keys.openapi(revokeRoute, async (c) => {
  const { keyId: id } = c.req.valid("param");
  const { statement, fromIndex, reason } = c.req.valid("json");
  const principal = c.get("principal");
  const publisher = await findKeyHolder(writeDatabase(c.env), id);
  if (publisher === null) throw new RbsmError("not_found", "There is no such key");
  await assertMayChangeKeys(c, publisher);
  const isAdmin = principal.kind === "admin";
  const revocation = { keyId: id, statement, fromIndex, isAdmin };
  const { keys: after } = await changeKeys(c, {
    publisher,
    action: "key.revoke",
    subject: id,
    ...(reason === undefined ? {} : { detail: { reason } }),
    decide: (facts, now) => revokeKey(facts, revocation, now),
  });
  return c.json(after, 200);
});

keys.openapi(recoverRoute, async (c) => {
  const { statement, ...proof } = c.req.valid("json");
  const { publisher, key } = await provenKey(c, proof);
  const { keys: after } = await changeKeys(c, {
    publisher,
    action: "key.recover",
    subject: key.keyId,
    decide: (facts, now) => recoverKeys(facts, { key, statement }, now),
  });
  return c.json(after, 200);
});

keys.openapi(listRoute, async (c) => {
  const { name } = c.req.valid("param");
  const loaded = await loadKeys(writeDatabase(c.env), name);
  if (loaded.owner === undefined) throw noPublisher(name);
  return c.json(describeKeys(name, loaded), 200);
});
