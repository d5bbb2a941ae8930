import { resolve } from "node:path";
import {
  base64url,
  type PublisherKeysAnswer,
  RbsmError,
  signKeyStatement,
  type SigningKey,
} from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { keyFileOf, readKeyFile, readKeyIfExists, recoveryPath } from "./key-file.ts";
import { wholeNumber } from "./log-index.ts";
import { nextPath, openNextKey, promoteNextKey } from "./next-key.ts";
import { connect } from "../marketplace/credentials.ts";
import {
  askPublisher,
  isInForce,
  readPublisherKeys,
  recoverKeys,
  statementHead,
} from "../marketplace/publisher-keys.ts";
import type { Connection } from "../marketplace/request.ts";
import type { Report } from "../report.ts";

/** Options of `keys recover`. */
export interface RecoverOptions {
  readonly recoveryKey: string;
  readonly key?: string;
  readonly fromIndex?: string;
  readonly publisher?: string;
  readonly url?: string;
}

interface Successors {
  readonly key: SigningKey;
  readonly recovery: SigningKey;
}

/** One new key in the place of all others, by the recovery key. */
export async function recover(cli: Cli, name: string, options: RecoverOptions): Promise<Report> {
  const file = keyFileOf(cli, name, options.key);
  const recoveryFile = recoveryPath(file);
  const recoveryKey = await readKeyFile(resolve(cli.cwd, options.recoveryKey), "recovery");
  const given = wholeNumber(options.fromIndex, "--from-index");
  const connection = await connect(cli, options.url);
  const publisher = await askPublisher(connection, options.publisher);
  const known = await readPublisherKeys(connection, publisher);
  const begun = await readKeyIfExists(nextPath(recoveryFile), "recovery");
  assertCommittedTo(known, [recoveryKey.keyId, begun?.keyId]);
  const next = {
    recovery: await openNextKey(recoveryFile, "recovery"),
    key: await openNextKey(file, "signing"),
  };
  cli.note(`1/3 new key ${next.key.keyId} is in ${nextPath(file)}`);
  const fromIndex = given ?? known.nextIndex;
  const isDone = known.recovery === next.recovery.keyId && isInForce(known, next.key.keyId);
  const recovery = { connection, known, recoveryKey, fromIndex };
  const after = isDone ? known : await send(recovery, next);
  cli.note(`2/3 ${connection.url} has taken it; all other keys of ${publisher} are revoked`);
  await promoteNextKey(recoveryFile, "recovery");
  const kept = await promoteNextKey(file, "signing");
  cli.note(`3/3 the next recovery key is in ${recoveryFile}: move it off this machine`);
  const revoked = after.keys.filter((key) => key.revokedFrom !== undefined);
  return {
    data: {
      publisher,
      keyId: next.key.keyId,
      publicKey: base64url(next.key.publicKey),
      file,
      kept,
      recovery: { keyId: next.recovery.keyId, file: recoveryFile },
      revoked: revoked.map(({ keyId, revokedFrom }) => ({ keyId, revokedFrom })),
      url: connection.url,
    },
    text: `${file} now holds ${next.key.keyId}, the only key of ${publisher}`,
  };
}

function assertCommittedTo(
  { publisher, recovery }: PublisherKeysAnswer,
  keyIds: readonly (string | undefined)[],
): void {
  if (recovery !== null && keyIds.includes(recovery)) return;
  const message =
    recovery === null
      ? `${publisher} never named a recovery key`
      : `this is not the recovery key of ${publisher}, whose id is ${recovery}`;
  throw new RbsmError("signature_untrusted_key", message, {
    fix: "ask the administrator to revoke the key, then enroll another; hosts will ask theirs",
  });
}

interface Recovery {
  readonly connection: Connection;
  readonly known: PublisherKeysAnswer;
  readonly recoveryKey: SigningKey;
  readonly fromIndex: number;
}

async function send(
  { connection, known, recoveryKey, fromIndex }: Recovery,
  { key, recovery }: Successors,
): Promise<PublisherKeysAnswer> {
  const { publisher } = known;
  const statement = {
    ...statementHead(publisher, new Date()),
    action: "recover" as const,
    keyId: key.keyId,
    publicKey: base64url(key.publicKey),
    recoveryKey: base64url(recoveryKey.publicKey),
    recovery: recovery.keyId,
    fromIndex,
  };
  const signed = await signKeyStatement(statement, recoveryKey);
  return await recoverKeys(connection, key, { publisher, statement: signed });
}
