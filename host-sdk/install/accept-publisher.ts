import {
  followKeys,
  fromBase64url,
  type Policy,
  type PluginDocument,
  type PublisherKeyEntry,
  type PublisherKeys,
  RbsmError,
  type ReleaseStatement,
} from "@rising-bsm/protocol";
import type { PublisherPin } from "./rows.ts";

/** Who offers a release, and whom this host knows as the plugin's publisher. */
export interface OfferedPublisher {
  readonly name: string;
  readonly document: PluginDocument;
  readonly pin: PublisherPin | null;
  readonly trust: { readonly policy: Policy };
  readonly acceptPublisher: boolean;
}

/** The key that signed the release, and the publisher's keys to pin. */
export interface AcceptedPublisher {
  readonly keyId: string;
  readonly publicKey: Uint8Array;
  /** Releases from this place in the log on do not count with the key. */
  readonly revokedFrom: number | undefined;
  readonly keys: PublisherKeys;
}

/**
 * Whether the plugin's publisher signed the release, as far as this host can know: at the first
 * install the keys are taken from the catalogue, from then on they change only by statements of keys
 * that are pinned, by the offline policy, or by the administrator. Throws `trust_publisher_changed`.
 */
export async function acceptPublisher(
  offered: OfferedPublisher,
  { publisherKeyId }: Pick<ReleaseStatement, "publisherKeyId">,
): Promise<AcceptedPublisher> {
  const { name, document, pin } = offered;
  const announced = document.publisher;
  const followed =
    pin === null ? fromCatalogue(announced) : await followPin(pin, announced, offered.trust.policy);
  const isHis = announced.name === followed.publisher && has(followed, publisherKeyId);
  if (pin !== null && !isHis && !offered.acceptPublisher)
    throw publisherChanged(offered, followed, publisherKeyId);
  const keys = pin === null || isHis ? followed : adopt(announced, followed);
  const key = keys.keys.find(({ keyId }) => keyId === publisherKeyId);
  if (key !== undefined) {
    // The marketplace can say that a key is revoked, and thereby only withhold what it signed.
    const said = announced.keys.find(({ keyId }) => keyId === publisherKeyId)?.revokedFrom;
    const revokedFrom = earlier(key.revokedFrom, said);
    return { keyId: publisherKeyId, publicKey: fromBase64url(key.publicKey), revokedFrom, keys };
  }
  throw new RbsmError(
    "trust_release_invalid",
    `The marketplace does not say which key signed ${name}`,
    { plugin: name },
  );
}

type Announced = PluginDocument["publisher"];

function fromCatalogue({ name, keys, recovery }: Announced): PublisherKeys {
  return { publisher: name, keys, recovery };
}

/** The pinned keys as of now, by what their owners and the offline keys say. */
async function followPin(
  { publisher, keys, recovery }: PublisherPin,
  { statements }: Announced,
  policy: Policy,
): Promise<PublisherKeys> {
  const followed = await followKeys({ publisher, keys, recovery }, statements);
  const vouched = policy.publisherKeys
    // Whoever was revoked does not come back.
    .filter((one) => one.publisher === publisher && !has(followed, one.keyId))
    .map(({ keyId, publicKey }) => ({ keyId, publicKey }));
  return { ...followed, keys: [...followed.keys, ...vouched] };
}

function has({ keys }: PublisherKeys, id: string): boolean {
  return keys.some(({ keyId }) => keyId === id);
}

/** The administrator takes the catalogue's word; what this host knows to be revoked stays so. */
function adopt(announced: Announced, followed: PublisherKeys): PublisherKeys {
  const revoked = followed.keys.filter(({ revokedFrom }) => revokedFrom !== undefined);
  const keys = announced.keys.map((key): PublisherKeyEntry => {
    const before = revoked.find(({ keyId }) => keyId === key.keyId)?.revokedFrom;
    return { ...key, revokedFrom: earlier(key.revokedFrom, before) };
  });
  const others = revoked.filter(({ keyId }) => !keys.some((key) => key.keyId === keyId));
  return { ...fromCatalogue(announced), keys: [...keys, ...others] };
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function publisherChanged(
  { name, document }: OfferedPublisher,
  pinned: PublisherKeys,
  publisherKeyId: string,
): RbsmError {
  const { name: publisher } = document.publisher;
  const isOther = publisher !== pinned.publisher;
  return new RbsmError(
    "trust_publisher_changed",
    isOther
      ? `${name} belonged to ${pinned.publisher} when it was installed and belongs to ${publisher} now`
      : `${name} is signed with the key ${publisherKeyId}, which was not its publisher's before`,
    {
      plugin: name,
      publisher,
      publisherKeyId,
      pinned: { publisher: pinned.publisher, keys: pinned.keys.map(({ keyId }) => keyId) },
      fix: `Ask ${pinned.publisher} whether ${isOther ? `${publisher} has taken over` : "this key is theirs"}, then accept the publisher (acceptPublisher, --accept-publisher) with an update of ${name} itself.`,
    },
  );
}
