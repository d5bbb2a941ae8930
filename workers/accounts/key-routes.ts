import {
  RbsmError,
  checkKeyPossession,
  fromBase64url,
  keyChallengeRequestSchema,
  keyChallengeResultSchema,
  keyEnrollmentRequestSchema,
  keyEnrollmentResultSchema,
  keyId,
} from "@rising-bsm/protocol";
import { auditEntry } from "../audit.ts";
import { assertActsFor, requirePublisher } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import { secretBytes } from "../env.ts";
import type { Principal } from "../env.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { finishPlugin } from "../release/finish-plugin.ts";
import { listBehind } from "../release/queries.ts";
import { createChallenge, openChallenge } from "./key-challenge.ts";
import { assertPublisherExists, insertKey, ownsOtherScope } from "./queries.ts";

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

/** So many plugins show a new key before its request is answered; the cron sees to the others. */
const FINISHED_AT_ONCE = 5;

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
  const body = c.req.valid("json");
  const at = Date.now();
  const publisher = await openChallenge(secretBytes(c.env, "CURSOR_KEY"), body.challenge, at);
  assertActsFor(c.get("principal"), publisher);
  const db = writeDatabase(c.env);
  await assertReachesEveryScope(db, c.get("principal"), publisher);
  const id = await provenKeyId(body);
  const { publicKey, recoveryHash = null } = body;
  const key = { keyId: id, publisher, publicKey, recoveryHash, createdAt: at };
  const entry = auditEntry(c, { action: "key.enroll", subject: id, at, detail: { publisher } });
  const { created, row } = await insertKey(db, key, entry);
  if (row?.publisher !== publisher || row.revokedAt !== null) {
    throw new RbsmError("conflict_exists", "The key is not free for this publisher");
  }
  const behind = await listBehind(db, { publisher, limit: FINISHED_AT_ONCE });
  for (const plugin of behind) await finishPlugin(c.env, plugin);
  return c.json({ keyId: id }, created ? 201 : 200);
});

interface Proof {
  readonly publicKey: string;
  readonly challenge: string;
  readonly signature: string;
}

async function provenKeyId({ publicKey, challenge, signature }: Proof): Promise<string> {
  const raw = fromBase64url(publicKey);
  await checkKeyPossession(raw, challenge, signature);
  return keyId(raw);
}
