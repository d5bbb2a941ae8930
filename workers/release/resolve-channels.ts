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
 * prerelease above it. A channel that its owner moved stays there until a later release takes it;
 * other channels are moved by hand only. A yanked version is on no channel.
 */
export function resolveChannels(
  versions: readonly ChannelVersion[],
  pins: readonly Pin[],
): Record<string, string> {
  const choosable = versions.filter(({ isYanked }) => !isYanked);
  const moved = new Map(pins.map((pin) => [pin.channel, pin]));
  const latest = follow(choosable.filter(isStable), moved.get("latest"));
  const betas = choosable.filter((candidate) => !isStable(candidate) && isAbove(candidate, latest));
  const channels = new Map([
    ["latest", latest],
    ["beta", follow(betas, moved.get("beta"))],
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

function follow(candidates: readonly ChannelVersion[], pin: Pin | undefined): string | null {
  if (pin === undefined) return highest(candidates);
  const since = highest(candidates.filter(({ seq }) => seq > pin.atSeq));
  const pinned = named(candidates, pin.version);
  if (pinned === null) return highest(candidates);
  return since !== null && compareVersions(since, pinned) > 0 ? since : pinned;
}

function named(versions: readonly ChannelVersion[], version: string): string | null {
  return versions.some((candidate) => candidate.version === version) ? version : null;
}

export function highest(versions: readonly { readonly version: string }[]): string | null {
  const [first] = versions.map(({ version }) => version).toSorted((a, b) => compareVersions(b, a));
  return first ?? null;
}
