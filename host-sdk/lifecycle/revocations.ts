import { localText, type Revocation, type Text } from "@rising-bsm/protocol";
import { advisoriesOn, revocable, type RevocationLists } from "../install/revoked.ts";
import type { PluginRow, ReleaseRow } from "../install/rows.ts";
import type { Trust } from "../trust/trust.ts";
import type { ActivePlugins } from "./active-plugins.ts";
import type { Problem, Slot, Slots } from "./slots.ts";

/** What the marketplace says about an installed release. */
export interface AdvisoryInfo {
  readonly id: string;
  /** `disable` stops the plugin, `block-install` and `warn` let it run. */
  readonly action: Revocation["action"];
  readonly reason: Text;
  /** Address to read on. */
  readonly advisory: string | null;
}

/** The lists of revocations as they were last verified: what runs is decided by them alone. */
export interface Revocations {
  /** Reads the verified lists again; when that fails the ones at hand stay. */
  reload(): Promise<void>;
  /** What the lists say about a release, the strictest first. */
  of(name: string, release: ReleaseRow): Revocation[];
}

/** What the lists are read from. */
export interface RevocationsOptions {
  readonly trust: Pick<Trust, "verified">;
  readonly logger: { error(message: string, fields?: Record<string, unknown>): void };
}

/** Empty until the first `reload`. */
export function createRevocations({ trust, logger }: RevocationsOptions): Revocations {
  let lists: RevocationLists | null = null;
  return {
    async reload() {
      lists = await trust.verified().catch((error: unknown) => {
        logger.error("The verified trust state cannot be read", { error: String(error) });
        return lists;
      });
    },
    of: (name, release) => (lists === null ? [] : advisoriesOn(revocable(name, release), lists)),
  };
}

/** The entry that stops a release, whatever its administrator wants. */
export function disablingOf(
  revocations: Pick<Revocations, "of">,
  { name, release }: Pick<PluginRow, "name" | "release">,
): Revocation | undefined {
  return revocations.of(name, release).find(({ action }) => action === "disable");
}

/** The entry that forbids to install a release. */
export function blockingOf(
  revocations: Pick<Revocations, "of">,
  { name, release }: Pick<PluginRow, "name" | "release">,
): Revocation | undefined {
  return revocations.of(name, release).find(({ action }) => action !== "warn");
}

/** What administrators get to see of the entries on an installed release. */
export function advisoryInfos(revocations: Revocations, { row }: Slot): AdvisoryInfo[] {
  return revocations.of(row.name, row.release).map(({ id, action, reason, advisory = null }) => ({
    id,
    action,
    reason,
    advisory,
  }));
}

/** What applying works with. */
export interface RevocationParts {
  readonly revocations: Revocations;
  readonly slots: Slots;
  readonly active: Pick<ActivePlugins, "stop">;
}

/** Marks what was stopped before this host started; nobody is told again. */
export function loadRevoked({ revocations, slots }: Omit<RevocationParts, "active">): void {
  for (const slot of slots.all()) {
    const entry = disablingOf(revocations, slot.row);
    if (entry !== undefined) slots.load({ ...slot, problem: problemOf(entry) });
  }
}

/**
 * Reads the lists again and brings the installed plugins into line: a revoked one stops, one whose
 * revocation was withdrawn may run again, and about every other entry that is new somebody is told.
 * Runs while no other operation does.
 */
export async function applyRevocations(parts: RevocationParts): Promise<void> {
  const { revocations, slots } = parts;
  const known = new Map(slots.all().map((slot) => [slot.row.name, idsOf(revocations, slot)]));
  await revocations.reload();
  for (const slot of slots.all()) {
    tellNews(parts, slot, known.get(slot.row.name) ?? []);
    await stopOrRelease(parts, slot);
  }
}

function tellNews({ revocations, slots }: RevocationParts, { row }: Slot, known: string[]): void {
  for (const entry of revocations.of(row.name, row.release)) {
    const isNews = entry.action !== "disable" && !known.includes(entry.id);
    if (isNews) slots.note(row.name, "advised", problemOf(entry));
  }
}

async function stopOrRelease(
  { revocations, slots, active }: RevocationParts,
  slot: Slot,
): Promise<void> {
  const { row, problem } = slot;
  const entry = disablingOf(revocations, row);
  if (entry === undefined) {
    if (problem?.code === "trust_revoked") slots.put(row.name, { ...slot, problem: null });
    return;
  }
  const revoked = problemOf(entry);
  if (problem?.message !== revoked.message || slot.running !== null)
    await active.stop(row.name, { ...slot, problem: revoked, running: null });
}

function idsOf(revocations: Revocations, { row }: Slot): string[] {
  return revocations.of(row.name, row.release).map(({ id }) => id);
}

function problemOf({ id, action, reason, advisory }: Revocation): Problem {
  const message = `${id} (${action}): ${localText(reason, "en")}`;
  const more = advisory === undefined ? "" : ` See ${advisory}`;
  return { code: "trust_revoked", message: message + more };
}
