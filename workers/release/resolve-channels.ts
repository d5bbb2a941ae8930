import { compareVersions, isPrerelease } from "@rising-bsm/protocol";

export interface ChannelVersion {
  readonly version: string;
  readonly seq: number;
  readonly isYanked: boolean;
}

/** A channel that the owner moved, and the newest release at that moment. */
export interface Pin {
  readonly channel: string;
  readonly version: string;
  readonly atSeq: number;
}

/**
 * Which version each channel names. `latest` follows the highest release, `beta` the highest
 * prerelease above it. A channel that its owner moved stays there until a later release takes it:
 * a stable one `latest`, any that is higher `beta`;
 * other channels are moved by hand only. A yanked version is on no channel.
 */
export function resolveChannels(
  versions: readonly ChannelVersion[],
  pins: readonly Pin[],
): Record<string, string> {
  const choosable = versions.filter(({ isYanked }) => !isYanked);
  const moved = new Map(pins.map((pin) => [pin.channel, pin]));
  const stable = choosable.filter(isStable);
  const latest = follow({ choosable, followed: stable, takers: stable }, moved.get("latest"));
  const betas = choosable.filter((candidate) => !isStable(candidate) && isAbove(candidate, latest));
  const beta = follow({ choosable, followed: betas, takers: choosable }, moved.get("beta"));
  const channels = new Map([
    ["latest", latest],
    ["beta", beta],
  ]);
  for (const { channel, version } of pins) {
    if (!channels.has(channel)) channels.set(channel, named(choosable, version));
  }
  const filled = [...channels].flatMap(([channel, version]) =>
    version === null ? [] : [[channel, version] as const],
  );
  return Object.fromEntries(filled);
}

function isStable({ version }: ChannelVersion): boolean {
  return !isPrerelease(version);
}

function isAbove({ version }: ChannelVersion, latest: string | null): boolean {
  return latest === null || compareVersions(version, latest) > 0;
}

interface Followed {
  readonly choosable: readonly ChannelVersion[];
  /** The channel names the highest of these while its owner leaves it alone. */
  readonly followed: readonly ChannelVersion[];
  /** Of these a later and higher one ends what the owner said. */
  readonly takers: readonly ChannelVersion[];
}

function follow({ choosable, followed, takers }: Followed, pin: Pin | undefined): string | null {
  const pinned = pin === undefined ? null : named(choosable, pin.version);
  if (pin === undefined || pinned === null) return highest(followed);
  const isLater = ({ version, seq }: ChannelVersion) =>
    seq > pin.atSeq && compareVersions(version, pinned) > 0;
  if (!takers.some(isLater)) return pinned;
  return highest(followed.filter(isLater)) ?? highest(followed);
}

function named(versions: readonly ChannelVersion[], version: string): string | null {
  return versions.some((candidate) => candidate.version === version) ? version : null;
}

export function highest(versions: readonly { readonly version: string }[]): string | null {
  const [first] = versions.map(({ version }) => version).toSorted((a, b) => compareVersions(b, a));
  return first ?? null;
}
