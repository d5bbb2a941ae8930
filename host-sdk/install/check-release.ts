import {
  assertPublicKey,
  compareVersions,
  encodeLogEntry,
  fromBase64url,
  keyId,
  openRelease,
  parseEnvelope,
  type PluginDocument,
  RbsmError,
  type ReleaseStatement,
  statementDigest,
  utf8Decode,
} from "@rising-bsm/protocol";
import type { LogClient } from "../trust/log.ts";
import { releaseKeyOf, type VerifiedTrust } from "../trust/trust.ts";
import { type AcceptedPublisher, acceptPublisher } from "./accept-publisher.ts";
import { advisoriesOn, revokedError } from "./revoked.ts";
import type { PublisherPin } from "./rows.ts";

/** A release as the marketplace offers it, and what this host has seen of the plugin before. */
export interface OfferedRelease {
  readonly name: string;
  readonly version: string;
  /** Verified against the catalogue. */
  readonly document: PluginDocument;
  /** Bytes of the release statement's envelope. */
  readonly envelope: Uint8Array;
  /** Reads the proof that the release is in the log. */
  readonly proof: () => Promise<string>;
  readonly log: Pick<LogClient, "prove">;
  readonly trust: VerifiedTrust;
  readonly pin: PublisherPin | null;
  /** The administrator accepts a publisher, or keys, that were not there at the first install. */
  readonly acceptPublisher: boolean;
}

/** A release that this host accepts, and what it pins by accepting. */
export interface AcceptedRelease {
  readonly statement: ReleaseStatement;
  readonly publisherKey: Uint8Array;
  /** Place of the release in the log; null in another log, which counts as after every revocation. */
  readonly logIndex: number | null;
  readonly pin: PublisherPin;
}

/** Checks a release before a byte of it is downloaded; the first failure decides the code. */
export async function checkRelease(offered: OfferedRelease): Promise<AcceptedRelease> {
  const statement = await openStatement(offered);
  checkOrder(offered, statement);
  await checkAnnouncedKeys(offered);
  const publisher = await acceptPublisher(offered, statement);
  const logIndex = await proveLogged(offered);
  checkServiceKey(offered, statement, logIndex);
  checkPublisherKey(offered, publisher, logIndex);
  checkRevocations(offered, statement, logIndex);
  const pin = { ...publisher.keys, highest: nextHighest(offered.pin, statement) };
  return { statement, publisherKey: publisher.publicKey, logIndex, pin };
}

async function openStatement(offered: OfferedRelease): Promise<ReleaseStatement> {
  const { name, version, envelope, trust } = offered;
  const release = { plugin: name, version };
  const statement = await openRelease(envelope, releaseKeyOf(trust.serviceKeys), release);
  checkServiceKey(offered, statement);
  return statement;
}

/** A service key signs what is released in its time and, once it was stolen, up to its place in the log. */
function checkServiceKey(
  { envelope, trust, name }: OfferedRelease,
  statement: ReleaseStatement,
  logIndex: number | null = -1,
): void {
  const [{ keyid }] = parseEnvelope(envelope).signatures;
  const at = Date.parse(statement.publishedAt);
  const isValid = trust.serviceKeys.release.some(
    ({ keyId: id, from, until, untilIndex }) =>
      id === keyid &&
      Date.parse(from) <= at &&
      (until === undefined || at < Date.parse(until)) &&
      isBefore(logIndex, untilIndex),
  );
  if (isValid) return;
  throw new RbsmError(
    "trust_release_invalid",
    `The key that signed ${name} ${statement.version} was not in force then`,
    { plugin: name, keyId: keyid, publishedAt: statement.publishedAt },
  );
}

/** A place that cannot be compared is before none that is named. */
function isBefore(logIndex: number | null, end: number | undefined): boolean {
  return end === undefined || (logIndex ?? Infinity) < end;
}

/**
 * The marketplace counts each plugin's releases. Offering less than what this host has already
 * accepted, or other bytes under a known version, is an old or forged view of the catalogue.
 */
function checkOrder({ name, document, pin }: OfferedRelease, statement: ReleaseStatement): void {
  if (pin === null) return;
  const { highest } = pin;
  const forgotten = !document.versions.some((entry) => entry.version === highest.version);
  const replayed = statement.version === highest.version && statement.seq < highest.seq;
  if (forgotten || replayed) {
    throw new RbsmError(
      "trust_rollback",
      `The marketplace offers an older state of ${name} than this host has seen`,
      {
        plugin: name,
        seen: { ...highest },
        offered: { version: statement.version, seq: statement.seq },
        fix: "Ask again later or use another mirror; installed plugins keep running.",
      },
    );
  }
  if (statement.version === highest.version && statement.bundleSha256 !== highest.sha256) {
    throw new RbsmError(
      "trust_release_invalid",
      `${name} ${statement.version} was released before with other bytes`,
      { plugin: name },
    );
  }
}

/** Keys that were found sound, with their ids: a look for updates meets a publisher's again and again. */
const soundKeys = new Set<string>();
const KNOWN_KEYS = 1_000;

/** A key id is the key's digest: nobody can put another key under a known id. */
async function checkAnnouncedKeys({ name, document }: OfferedRelease): Promise<void> {
  for (const announced of document.publisher.keys) {
    const named = `${announced.keyId} ${announced.publicKey}`;
    if (soundKeys.has(named)) continue;
    const publicKey = fromBase64url(announced.publicKey);
    assertPublicKey(publicKey);
    if ((await keyId(publicKey)) === announced.keyId) {
      if (soundKeys.size >= KNOWN_KEYS) soundKeys.clear();
      soundKeys.add(named);
      continue;
    }
    throw new RbsmError(
      "trust_release_invalid",
      `The publisher keys of ${name} do not match their ids`,
      { plugin: name },
    );
  }
}

async function proveLogged(offered: OfferedRelease): Promise<number | null> {
  const { name, version, document, log } = offered;
  const statement = await statementDigest(utf8Decode(offered.envelope));
  const entry = { type: "release", plugin: name, version, statement } as const;
  const index = await log.prove(await offered.proof(), encodeLogEntry(entry));
  const listed = document.versions.find((one) => one.version === version)?.logIndex;
  if (listed === index || index === null) return index;
  throw new RbsmError(
    "trust_log_invalid",
    `The catalogue says that ${name} ${version} is entry ${listed} of the log; it is ${index}`,
    { plugin: name },
  );
}

function checkPublisherKey(
  { name, version }: OfferedRelease,
  { keyId: id, revokedFrom }: AcceptedPublisher,
  logIndex: number | null,
): void {
  if (isBefore(logIndex, revokedFrom)) return;
  throw new RbsmError(
    "trust_key_revoked",
    `${name} ${version} is signed with a key that was revoked before`,
    {
      plugin: name,
      publisherKeyId: id,
      revokedFrom: revokedFrom ?? null,
      logIndex,
      fix: `Wait until the publisher releases ${name} again with a key of theirs.`,
    },
  );
}

function checkRevocations(
  { name, version, trust }: OfferedRelease,
  { bundleSha256: sha256, publisherKeyId }: ReleaseStatement,
  logIndex: number | null,
): void {
  const release = { plugin: name, version, sha256, publisherKeyId, logIndex };
  const blocking = advisoriesOn(release, trust).find(({ action }) => action !== "warn");
  if (blocking !== undefined) throw revokedError(name, version, blocking);
}

function nextHighest(
  pin: PublisherPin | null,
  { version, seq, bundleSha256 }: ReleaseStatement,
): PublisherPin["highest"] {
  const isNewer = pin === null || compareVersions(version, pin.highest.version) >= 0;
  return isNewer ? { version, seq, sha256: bundleSha256 } : pin.highest;
}
