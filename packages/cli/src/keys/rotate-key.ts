import { base64url, RbsmError, signKeyStatement, type SigningKey } from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { keyFileOf, readKeyFile, readKeyIfExists } from "./key-file.ts";
import { nextPath, openNextKey, promoteNextKey } from "./next-key.ts";
import { connect } from "../marketplace/credentials.ts";
import {
  askPublisher,
  enrollKey,
  isInForce,
  readPublisherKeys,
  revokeKey,
  statementHead,
} from "../marketplace/publisher-keys.ts";
import type { Connection } from "../marketplace/request.ts";
import type { Report } from "../report.ts";

/** Options of `keys rotate`. */
export interface RotateOptions {
  readonly key?: string;
  readonly publisher?: string;
  readonly url?: string;
}

interface Rotation {
  readonly connection: Connection;
  readonly publisher: string;
  readonly old: SigningKey;
}

/** Every step asks what is done already, so that a rotation goes on from wherever it was interrupted. */
/** A new key in the place of an old one that still signs. */
export async function rotate(cli: Cli, name: string, options: RotateOptions): Promise<Report> {
  const file = keyFileOf(cli, name, options.key);
  const old = await readKeyFile(file);
  const connection = await connect(cli, options.url);
  const publisher = await askPublisher(connection, options.publisher);
  const rotation = { connection, publisher, old };
  await assertCanBegin(rotation, file);
  const next = await openNextKey(file, "signing");
  cli.note(`1/3 new key ${next.keyId} is in ${nextPath(file)}`);
  await introduce(rotation, next);
  cli.note(`2/3 enrolled at ${connection.url}, vouched for by ${old.keyId}`);
  const revokedFrom = await retire(rotation, next);
  const kept = await promoteNextKey(file, "signing");
  cli.note(
    `3/3 ${old.keyId} is revoked from entry ${revokedFrom} on; it is kept in ${kept ?? file}`,
  );
  const replaced = { keyId: old.keyId, file: kept, revokedFrom };
  const publicKey = base64url(next.publicKey);
  return {
    data: { publisher, keyId: next.keyId, publicKey, file, replaced, url: connection.url },
    text: `${file} now holds ${next.keyId}; releases before stay valid`,
  };
}

async function assertCanBegin({ connection, publisher, old }: Rotation, file: string) {
  const known = await readPublisherKeys(connection, publisher);
  if (isInForce(known, old.keyId)) return;
  const begun = await readKeyIfExists(nextPath(file));
  if (begun !== null && isInForce(known, begun.keyId)) return;
  if (known.keys.some(({ keyId }) => keyId === old.keyId)) {
    throw new RbsmError("trust_key_revoked", `${file} holds a key that was revoked`, {
      fix: "use your recovery key: rising-bsm keys recover --recovery-key FILE",
    });
  }
  throw new RbsmError("signature_untrusted_key", `${file} holds no key of ${publisher}`, {
    fix: "register it first: rising-bsm keys enroll",
  });
}

async function introduce({ connection, publisher, old }: Rotation, next: SigningKey) {
  const known = await readPublisherKeys(connection, publisher);
  if (isInForce(known, next.keyId)) return;
  const added = { keyId: next.keyId, publicKey: base64url(next.publicKey) };
  const head = statementHead(publisher, new Date());
  const statement = await signKeyStatement({ ...head, action: "add", ...added }, old);
  await enrollKey(connection, next, { publisher, statement });
}

/** From the next entry of the log on, so that everything released so far stays valid. */
async function retire({ connection, publisher, old }: Rotation, next: SigningKey): Promise<number> {
  const known = await readPublisherKeys(connection, publisher);
  const before = known.keys.find(({ keyId }) => keyId === old.keyId)?.revokedFrom;
  if (before !== undefined) return before;
  const fromIndex = known.nextIndex;
  const head = statementHead(publisher, new Date());
  const revocation = { ...head, action: "revoke" as const, revokes: [old.keyId], fromIndex };
  const statement = await signKeyStatement(revocation, next);
  await revokeKey(connection, old.keyId, { statement, reason: "rotated" });
  return fromIndex;
}
