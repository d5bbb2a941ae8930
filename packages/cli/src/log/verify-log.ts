import {
  equalBytes,
  formatVerifierKey,
  hex,
  type OpenedCheckpoint,
  RbsmError,
  TILE_WIDTH,
  treeRoot,
} from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import type { Report } from "../report.ts";
import { createEntryRules, readEntry } from "./check-entries.ts";
import { type LogAccess, type LogAddress, openLogAccess } from "./log-access.ts";
import { followOwnership, nobodyOwns } from "./ownership.ts";
import { type LogFinding, readOneEntry, replayLog } from "./replay-log.ts";
import { createStatementCheck } from "./statements.ts";
import { readVerifiedPlace, writeVerifiedPlace } from "./verified-place.ts";

/** How much of the log to verify. */
export interface VerifyOptions extends LogAddress {
  /** How many entries were verified before, or `last`. */
  readonly from?: string;
  /** Also fetch every release statement. */
  readonly deep?: boolean;
}

/** Entries after which the place is remembered, in case the run is cut short. */
const SAVE_EVERY = 16 * TILE_WIDTH;
const NOTE_EVERY_MS = 2_000;

/** `log verify`: computes the log from its entries and holds it against what it serves and signs. */
export async function verifyLog(cli: Cli, options: VerifyOptions): Promise<Report> {
  const startedAt = performance.now();
  const access = await openLogAccess(cli, options);
  const head = await access.readHead();
  const from = await startOf(access, options.from ?? "0", head);
  const work = { access, head, from, deep: options.deep === true };
  const counted = await replay(cli, work);
  await access.demandConsistency(head);
  await writeVerifiedPlace(access.stateDir, head);
  return await reportOf(work, { ...counted, ms: Math.round(performance.now() - startedAt) });
}

interface Work {
  readonly access: LogAccess;
  readonly head: OpenedCheckpoint;
  readonly from: number;
  readonly deep: boolean;
}

/** Entries before the start are not read: their tiles have to lead to the root that was verified then. */
async function startOf(access: LogAccess, text: string, head: OpenedCheckpoint): Promise<number> {
  const last = await readVerifiedPlace(access.stateDir);
  const from = text === "last" ? Math.min(last?.size ?? 0, head.size) : Number(text);
  if (!Number.isSafeInteger(from) || from < 0 || from > head.size) {
    throw new RbsmError("usage", `--from ${text} is no place in a log of ${head.size} entries`);
  }
  if (last?.size !== from) return from;
  const root = await treeRoot(access.source.reader(head.size), from);
  if (equalBytes(root, last.root)) return from;
  const message = `The first ${from} entries are not those that were verified before`;
  throw new RbsmError("trust_log_invalid", message, { fix: "verify the whole log: --from 0" });
}

interface Counted {
  readonly releases: number;
  readonly statements: number;
}

async function replay(cli: Cli, { access, head, from, deep }: Work): Promise<Counted> {
  const ownership = nobodyOwns();
  const statements = createStatementCheck({ ...access, ownership });
  const readAgain = (index: number) => readOneEntry(access.source, index, head.size);
  const breaches = createEntryRules({ ownership, isWhole: from === 0, readAgain });
  const note = createProgressNote(cli, head.size);
  let releases = 0;
  async function onEntry(index: number, bytes: Uint8Array): Promise<LogFinding[]> {
    const entry = readEntry(index, bytes);
    if ("rule" in entry) return [entry];
    const findings = await breaches(index, entry);
    followOwnership(ownership, entry, index);
    if (entry.type === "release") releases++;
    if (deep) statements.add(index, entry);
    return findings;
  }
  await replayLog({
    source: access.source,
    from,
    head,
    onEntry,
    async onBundle({ size, root, isSound }) {
      note(size);
      const findings = await statements.run();
      if (size % SAVE_EVERY === 0 && isSound && findings.length === 0)
        await writeVerifiedPlace(access.stateDir, { size, root: await root() });
      return findings;
    },
  });
  return { releases, statements: statements.checked() };
}

function createProgressNote(cli: Cli, of: number): (size: number) => void {
  let notedAt = performance.now();
  return (size) => {
    if (performance.now() - notedAt < NOTE_EVERY_MS) return;
    notedAt = performance.now();
    cli.note(`${size} of ${of} entries`);
  };
}

async function reportOf(
  { access, head, from, deep }: Work,
  counted: Counted & { readonly ms: number },
): Promise<Report> {
  const { origin, size, cosignedBy } = head;
  const root = hex(head.root);
  const verifierKey = await verifierKeyOf(access, origin);
  const statements = deep ? `, with ${counted.statements} statements` : "";
  return {
    data: { log: origin, verifierKey, url: access.url, size, root, from, ...counted, cosignedBy },
    text: [
      `${origin}: all ${size} entries verify, ${size - from} of them read in ${counted.ms} ms`,
      `  key       ${verifierKey}`,
      `  root      ${root}`,
      `  releases  ${counted.releases}${statements}`,
      `  cosigned  ${cosignedBy.join(", ") || "by nobody"}`,
    ].join("\n"),
  };
}

/** As people hand it on; a name has one key, and the checkpoint was verified with it. */
async function verifierKeyOf({ keys }: LogAccess, origin: string): Promise<string> {
  const key = keys.find(({ name }) => name === origin);
  if (key === undefined) throw new RbsmError("internal", `No key of the log ${origin} is known`);
  return await formatVerifierKey({ ...key, role: "log" });
}
