import { setTimeout as sleep } from "node:timers/promises";
import { type LogEntry, type OpenedCheckpoint, RbsmError } from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { plainText } from "../plain-text.ts";
import type { Report } from "../report.ts";
import { readEntry } from "./check-entries.ts";
import { type LogAccess, type LogAddress, openLogAccess } from "./log-access.ts";
import { isAbout, type Namespace, namespaceOf } from "./namespace.ts";
import { followOwnership } from "./ownership.ts";
import { type LogFinding, replayLog } from "./replay-log.ts";
import { readWatchPlace, type WatchPlace, writeWatchPlace } from "./watch-place.ts";

/** Whom to watch, and how. */
export interface WatchOptions extends LogAddress {
  readonly publisher?: string;
  readonly plugin?: string;
  readonly scope?: string;
  readonly once?: boolean;
  /** Seconds. */
  readonly interval: string;
  readonly jsonl?: boolean;
}

/** An entry and its place in the log. */
type LogEvent = LogEntry & { readonly index: number };

/** Failures of the network that a watch outlives. */
const PASSING = /^(?:network_|unavailable$|limit_rate$)/;

/**
 * `log watch`: prints the entries about a namespace. The first time all of them, then what is new. What is
 * printed is in the one history that this machine knows: a fork ends it with `trust_log_fork`.
 */
export async function watchLog(cli: Cli, options: WatchOptions): Promise<Report> {
  const namespace = namespaceOf(options);
  const intervalMs = intervalOf(options.interval);
  if (options.once !== true && cli.json) throw needsOnce();
  const access = await openLogAccess(cli, options);
  if (options.once === true) return await watchOnce(cli, { access, namespace }, options);
  for (;;) {
    await lookOnce(cli, { access, namespace }, options);
    await sleep(intervalMs, undefined, { signal: cli.signal });
  }
}

interface Watch {
  readonly access: LogAccess;
  readonly namespace: Namespace;
}

function intervalOf(text: string): number {
  const seconds = Number(text);
  if (seconds >= 1 && seconds <= 86_400) return seconds * 1_000;
  throw new RbsmError("usage", "--interval must be 1 to 86400 seconds");
}

function needsOnce(): RbsmError {
  return new RbsmError("usage", "--json is one object, which a watch that goes on never ends", {
    fix: "add --once, or use --jsonl",
  });
}

/** An alarm for a name with a slip in it would never ring. */
function nothingYet({ namespace: { kind, name } }: Watch, { size }: OpenedCheckpoint): string {
  return `warning: none of the ${size} entries is about the ${kind} ${name}; is the name right?`;
}

async function watchOnce(cli: Cli, watch: Watch, { jsonl = false }: WatchOptions): Promise<Report> {
  const { head, place, events, isFirst } = await readNews(watch);
  if (isFirst && events.length === 0) cli.note(nothingYet(watch, head));
  await writeWatchPlace(watch.access.stateDir, watch.namespace, place);
  const lines = events.map((event) => lineOf(event, jsonl));
  const text = jsonl || lines.length > 0 ? lines.join("\n") : `nothing new in ${head.size} entries`;
  return { data: { size: head.size, events }, text };
}

async function lookOnce(cli: Cli, watch: Watch, { jsonl = false }: WatchOptions): Promise<void> {
  try {
    const { head, place, events, isFirst } = await readNews(watch);
    if (isFirst && events.length === 0) cli.note(nothingYet(watch, head));
    for (const event of events) process.stdout.write(`${lineOf(event, jsonl)}\n`);
    // Remembered after it was printed: better told twice than never.
    await writeWatchPlace(watch.access.stateDir, watch.namespace, place);
  } catch (error) {
    if (!(error instanceof RbsmError) || !PASSING.test(error.code)) throw error;
    cli.note(`${error.code}: ${plainText(error.message)}; the next look is at its time`);
  }
}

interface News {
  readonly head: OpenedCheckpoint;
  readonly place: WatchPlace;
  readonly events: readonly LogEvent[];
  /** Nothing had been read before. */
  readonly isFirst: boolean;
}

/** Entries count only once the whole verifies and continues what was known. */
async function readNews({ access, namespace }: Watch): Promise<News> {
  const head = await access.readHead();
  const { size, ownership } = await readWatchPlace(access.stateDir, namespace);
  const events: LogEvent[] = [];
  function onEntry(index: number, bytes: Uint8Array): LogFinding[] {
    const entry = readEntry(index, bytes);
    if ("rule" in entry) return [entry];
    const before = isAbout(namespace, entry, ownership);
    followOwnership(ownership, entry, index);
    if (before || isAbout(namespace, entry, ownership)) events.push({ index, ...entry });
    return [];
  }
  if (size < head.size) await replayLog({ source: access.source, from: size, head, onEntry });
  await access.demandConsistency(head);
  const isFirst = size === 0;
  return { head, events, isFirst, place: { size: Math.max(size, head.size), ownership } };
}

function lineOf(event: LogEvent, jsonl: boolean): string {
  if (jsonl) return JSON.stringify(event);
  const { index, type, ...rest } = event;
  const facts = Object.entries(rest).map(([name, value]) => `${name}=${String(value)}`);
  return plainText(`#${index} ${type} ${facts.join(" ")}`);
}
