import {
  type PublisherKeysAnswer,
  RbsmError,
  signKeyStatement,
  type SigningKey,
} from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import {
  DEFAULT_KEY,
  keyPath,
  namedKeyFile,
  pinnedKeyId,
  readKeyFile,
  readKeyIfExists,
} from "./key-file.ts";
import { wholeNumber } from "./log-index.ts";
import { connect } from "../marketplace/credentials.ts";
import {
  askPublisher,
  isInForce,
  readPublisherKeys,
  revokeKey,
  statementHead,
} from "../marketplace/publisher-keys.ts";
import type { Connection } from "../marketplace/request.ts";
import { askWhoami } from "../marketplace/whoami.ts";
import type { Report } from "../report.ts";

/** Options of `keys revoke`. */
export interface RevokeOptions {
  readonly key?: string;
  readonly fromIndex?: string;
  readonly reason?: string;
  readonly publisher?: string;
  readonly url?: string;
}

/** A key signs for nothing from a place in the log on. */
export async function revoke(cli: Cli, pin: string, options: RevokeOptions): Promise<Report> {
  const keyId = await pinnedKeyId(pin);
  const connection = await connect(cli, options.url);
  const publisher = await askPublisher(connection, options.publisher);
  const known = await readPublisherKeys(connection, publisher);
  const fromIndex = wholeNumber(options.fromIndex, "--from-index") ?? known.nextIndex;
  const signer = await signerOf(cli, options.key, { connection, known });
  cli.note(`signed with ${signer?.keyId ?? "no key, as the administrator"}`);
  const head = statementHead(publisher, new Date());
  const revocation = { ...head, action: "revoke" as const, revokes: [keyId], fromIndex };
  const proof =
    signer === null ? { fromIndex } : { statement: await signKeyStatement(revocation, signer) };
  const after = await revokeKey(connection, keyId, { ...proof, ...given(options.reason) });
  const revokedFrom = after.keys.find((key) => key.keyId === keyId)?.revokedFrom ?? fromIndex;
  const left = after.keys.filter((key) => key.revokedFrom === undefined).length;
  const lines = [
    `revoked ${keyId} from entry ${revokedFrom} on; ${publisher} has ${left} keys left`,
  ];
  if (left === 0) lines.push("  nothing can be published until: rising-bsm keys recover");
  return {
    data: { publisher, keyId, revokedFrom, left, url: connection.url },
    text: lines.join("\n"),
  };
}

function given(reason: string | undefined): { reason?: string } {
  return reason === undefined ? {} : { reason };
}

/** The key named, else the default key when it is the publisher's, else none for the administrator. */
async function signerOf(
  cli: Cli,
  named: string | undefined,
  { connection, known }: { connection: Connection; known: PublisherKeysAnswer },
): Promise<SigningKey | null> {
  if (named !== undefined) return await readKeyFile(namedKeyFile(cli, named));
  const key = await readKeyIfExists(keyPath(cli.env, DEFAULT_KEY));
  if (key !== null && isInForce(known, key.keyId)) return key;
  if ((await askWhoami(connection)).kind === "admin") return null;
  throw new RbsmError("signature_untrusted_key", `no key of ${known.publisher} is at hand`, {
    fix: "pass the key to sign with by --key, or run: rising-bsm keys recover",
  });
}
