import {
  assertPublicKey,
  compareVersions,
  fromBase64url,
  keyId,
  openRelease,
  type PluginDocument,
  RbsmError,
  type ReleaseStatement,
  type ServiceKeys,
} from "@rising-bsm/protocol";
import { releaseKeyOf } from "../trust/trust.ts";
import type { PublisherPin } from "./rows.ts";

/** A release as the marketplace offers it, and what this host has seen of the plugin before. */
export interface OfferedRelease {
  readonly name: string;
  readonly version: string;
  readonly document: PluginDocument;
  /** Bytes of the release statement's envelope. */
  readonly envelope: Uint8Array;
  readonly serviceKeys: ServiceKeys;
  readonly pin: PublisherPin | null;
  /** The administrator accepts keys that were not there at the first install. */
  readonly acceptPublisher: boolean;
}

/** A release whose statement, order and publisher this host accepts, and what it pins by accepting. */
export interface AcceptedRelease {
  readonly statement: ReleaseStatement;
  readonly publisherKey: Uint8Array;
  readonly pin: PublisherPin;
}

/** Checks a release before a byte of it is downloaded; the first failure decides the code. */
export async function checkRelease(offered: OfferedRelease): Promise<AcceptedRelease> {
  const { name, version } = offered;
  const statement = await openRelease(offered.envelope, releaseKeyOf(offered.serviceKeys), {
    plugin: name,
    version,
  });
  checkOrder(offered, statement);
  await checkAnnouncedKeys(offered);
  const publisherKey = acceptPublisher(offered, statement);
  return { statement, publisherKey, pin: nextPin(offered, statement) };
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
      {
        plugin: name,
      },
    );
  }
}

/** A key id is the key's digest: nobody can put another key under a known id. */
async function checkAnnouncedKeys({ name, document }: OfferedRelease): Promise<void> {
  for (const announced of document.publisher.keys) {
    const publicKey = fromBase64url(announced.publicKey);
    assertPublicKey(publicKey);
    if ((await keyId(publicKey)) === announced.keyId) continue;
    throw new RbsmError(
      "trust_release_invalid",
      `The publisher keys of ${name} do not match their ids`,
      { plugin: name },
    );
  }
}

function acceptPublisher(offered: OfferedRelease, statement: ReleaseStatement): Uint8Array {
  const { name, document, pin } = offered;
  const wanted = statement.publisherKeyId;
  const announced = document.publisher.keys.find((key) => key.keyId === wanted);
  const pinned = pin?.keys.find((key) => key.keyId === wanted);
  if (pin !== null && pinned === undefined && !offered.acceptPublisher) {
    throw new RbsmError(
      "trust_publisher_changed",
      `${name} is signed with a key that was not its publisher's before`,
      {
        plugin: name,
        publisherKeyId: wanted,
        pinned: pin.keys.map((key) => key.keyId),
        fix: `Ask ${pin.publisher} whether the key ${wanted.slice(0, 16)}… is theirs, then accept the publisher.`,
      },
    );
  }
  const key = pinned ?? announced;
  if (key !== undefined) return fromBase64url(key.publicKey);
  throw new RbsmError(
    "trust_release_invalid",
    `The marketplace does not say which key signed ${name}`,
    { plugin: name },
  );
}

function nextPin(
  { document, pin, acceptPublisher }: OfferedRelease,
  statement: ReleaseStatement,
): PublisherPin {
  const offered = {
    version: statement.version,
    seq: statement.seq,
    sha256: statement.bundleSha256,
  };
  const newer = pin === null || compareVersions(offered.version, pin.highest.version) >= 0;
  return {
    publisher: document.publisher.name,
    keys:
      pin === null || acceptPublisher
        ? document.publisher.keys.map(({ keyId, publicKey }) => ({ keyId, publicKey }))
        : pin.keys,
    highest: newer ? offered : pin.highest,
  };
}
