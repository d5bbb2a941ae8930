import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { CLIENT_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { diskError } from "../disk/durable-file.ts";
import { askedPause, isPassing, pause, pauseAfter } from "./back-off.ts";
import { type Loading, loadFrom, partSize, type Place } from "./load-part.ts";
import type { Send } from "./send.ts";

/** A bundle whose digest and size a verified statement has announced, and the file it goes to. */
export interface WantedBundle {
  /**
   * Path below the marketplace's base, or what asks for a same-origin URL that is good for minutes:
   * again when the marketplace refuses the one before.
   */
  readonly path: string | (() => Promise<string>);
  /** Asked in this order when the marketplace cannot give it; what needs a link is the marketplace's alone. */
  readonly mirrors?: readonly Send[] | undefined;
  readonly sha256: string;
  readonly size: number;
  readonly file: string;
  readonly onProgress?: ((done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly backOffMs?: number | undefined;
  /** A clock that is never set, in ms. */
  readonly now?: (() => number) | undefined;
}

/** A download waits longer than a document: what it has is worth it. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/**
 * Downloads to `file`, resuming a partial file of an earlier try, under another link when the first
 * has ended, and from the next place when one fails or is too slow: bytes are verified, so any place
 * serves, and none can spoil what another has sent. The file appears under its name only with the
 * announced length and SHA-256. When the network fails for good the parts stay for the next try; bytes
 * that cannot be the bundle are removed at once.
 */
export async function downloadBundle(send: Send, wanted: WantedBundle): Promise<void> {
  await mkdir(dirname(wanted.file), { recursive: true, mode: 0o700 });
  const now = wanted.now ?? (() => performance.now());
  const giveUpAt = now() + CLIENT_LIMITS.downloadMs;
  const sources = sourcesOf(send, wanted);
  const parts = sources.map(({ part }) => part);
  const download = { ...wanted, parts, now, giveUpAt };
  let at = now();
  for (let failures = 0; ;) {
    const round = await askEach(sources, download, at);
    if (round === "loaded") break;
    failures = round === "more" ? 0 : failures + 1;
    const wait = waitFor(sources, { failures, at: now(), baseMs: wanted.backOffMs });
    if (wait === null || now() > giveUpAt) throw sources[0]?.refusal;
    at = now() + wait;
    await pause(wait, wanted.signal);
  }
  for (const part of parts) await rm(part, { force: true });
}

/** Where the bytes of an unfinished download wait; those of mirrors beside it. */
export function partialFileOf(file: string, mirror = 0): string {
  return mirror === 0 ? `${file}.part` : `${file}.${mirror}.part`;
}

/** A place, and what became of asking it. */
interface Source extends Place {
  /** Whether a refusal is one of its link, so that `address` asks for another. */
  readonly isRenewable: (error: unknown) => boolean;
  refusal: unknown;
  /** Whether it has refused for good. */
  isOut: boolean;
  /** Not asked again before. */
  notBefore: number;
}

function sourcesOf(send: Send, { path, mirrors = [], file }: WantedBundle): Source[] {
  const places = [send, ...(typeof path === "string" ? mirrors : [])];
  return places.map((place, at) => ({
    ...addressOf(path),
    send: place,
    part: partialFileOf(file, at),
    isAlone: false,
    refusal: undefined,
    isOut: false,
    notBefore: 0,
  }));
}

function addressOf(path: WantedBundle["path"]): Pick<Source, "address" | "isRenewable"> {
  if (typeof path === "string") return { address: async () => path, isRenewable: () => false };
  let link: string | null = null;
  return {
    async address() {
      link ??= await path();
      return link;
    },
    isRenewable(error) {
      // Without a link it was asking for one that was refused: nothing would change that.
      if (link === null || !(error instanceof RbsmError)) return false;
      if (error.code !== "license_refused") return false;
      link = null;
      return true;
    },
  };
}

type Download = Omit<Loading, "hasOthers">;

/** Asks whoever may be asked at this time, in order; says whether one of them sent the rest, or more of it. */
async function askEach(
  sources: readonly Source[],
  download: Download,
  at: number,
): Promise<"loaded" | "more" | "nothing"> {
  let said: "more" | "nothing" = "nothing";
  for (const source of sources.filter(({ isOut, notBefore }) => !isOut && notBefore <= at)) {
    const hasOthers = sources.some((other) => other !== source && !other.isOut);
    const before = await partSize(source.part, download.size);
    try {
      await loadFrom(source, { ...download, hasOthers });
      return "loaded";
    } catch (error) {
      if (!isOfSource(error)) throw diskError(error);
      noteRefusal(source, error, download.now());
      if ((await partSize(source.part, download.size)) > before) said = "more";
    }
  }
  return said;
}

/** A full disk and an end that was asked for are the same wherever it is loaded from. */
function isOfSource(error: unknown): boolean {
  return error instanceof RbsmError && error.code !== "cancelled";
}

function noteRefusal(source: Source, error: unknown, now: number): void {
  const isSlow = error instanceof RbsmError && error.code === "network_timeout";
  source.refusal = error;
  source.isOut = !(source.isRenewable(error) || isSlow || isPassing(error));
  source.notBefore = now + askedPause(error);
}

interface Round {
  readonly failures: number;
  readonly at: number;
  readonly baseMs: number | undefined;
}

/** Until the first of those that may have it later; null when there is none, or none that soon. */
function waitFor(sources: readonly Source[], { at, ...tried }: Round): number | null {
  const open = sources.filter(({ isOut }) => !isOut);
  if (open.length === 0) return null;
  const askedMs = Math.max(0, Math.min(...open.map(({ notBefore }) => notBefore)) - at);
  return pauseAfter({ ...tried, askedMs, longestMs: LONGEST_RETRY_AFTER_MS });
}
