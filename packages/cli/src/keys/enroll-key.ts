import { resolve } from "node:path";
import { base64url, signKeyStatement, type SigningKey } from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { connect } from "../marketplace/credentials.ts";
import {
  askPublisher,
  enrollKey,
  readPublisherKeys,
  statementHead,
} from "../marketplace/publisher-keys.ts";
import type { Report } from "../report.ts";
import { keyFileOf, namedKeyFile, pinnedKeyId, readKeyFile, recoveryHashOf } from "./key-file.ts";

/** Options of `keys enroll`. */
export interface EnrollOptions {
  readonly key?: string;
  readonly recovery?: string;
  readonly vouchedBy?: string;
  readonly publisher?: string;
  readonly url?: string;
}

/** Registers a key; a further one is vouched for by one that hosts know. */
export async function enroll(cli: Cli, name: string, options: EnrollOptions): Promise<Report> {
  const file = keyFileOf(cli, name, options.key);
  const key = await readKeyFile(file);
  const connection = await connect(cli, options.url);
  const publisher = await askPublisher(connection, options.publisher);
  const known = await readPublisherKeys(connection, publisher);
  const recoveryHash = await recoveryFor(cli, { file, isFirst: known.keys.length === 0 }, options);
  const answer = await enrollKey(connection, key, {
    publisher,
    ...(recoveryHash === undefined ? {} : { recoveryHash }),
    ...(options.vouchedBy === undefined
      ? {}
      : { statement: await vouch(cli, options.vouchedBy, { publisher, key }) }),
  });
  const { recovery = null, vouched = true, note } = answer;
  const lines = [`enrolled ${answer.keyId} for ${publisher} at ${connection.url}`];
  if (note !== undefined) lines.push(`  ${note}: \`keys enroll --vouched-by\` tells them at once`);
  if (recovery === null) lines.push("  without a recovery key: a key that is lost stays lost");
  const data = { keyId: answer.keyId, publisher, recovery, vouched, url: connection.url };
  return { data, text: lines.join("\n") };
}

/** A recovery key is named with the first key; made by `keys new`, the key's file knows it. */
async function recoveryFor(
  cli: Cli,
  { file, isFirst }: { file: string; isFirst: boolean },
  { recovery }: EnrollOptions,
): Promise<string | undefined> {
  if (recovery !== undefined) return await pinnedKeyId(resolve(cli.cwd, recovery));
  return isFirst ? await recoveryHashOf(file) : undefined;
}

async function vouch(
  cli: Cli,
  by: string,
  { publisher, key }: { publisher: string; key: SigningKey },
) {
  const statement = {
    ...statementHead(publisher, new Date()),
    action: "add" as const,
    keyId: key.keyId,
    publicKey: base64url(key.publicKey),
  };
  return await signKeyStatement(statement, await readKeyFile(namedKeyFile(cli, by)));
}
