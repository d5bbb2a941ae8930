import { localText, type Revocation, type Text } from "@rising-bsm/protocol";
import { indexRevocations, revocable } from "../install/revoked.ts";
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

/** What the lists say about a release, the strictest first. */
type Sayings = (name: string, release: ReleaseRow) => readonly Revocation[];

/** The lists of revocations as they were last verified: what runs is decided by them alone. */
export interface Revocations {
  /** Reads the verified lists again; when that fails the ones at hand stay. Gives what was said before. */
  reload(): Promise<Sayings>;
  /** What the lists say about a release, the strictest first. */
  readonly of: Sayings;
}

/** What the lists are read from. */
export interface RevocationsOptions {
  readonly trust: Pick<Trust, "verified">;
  readonly logger: { error(message: string, fields?: Record<string, unknown>): void };
}

/** Empty until the first `reload`. */
export function createRevocations({ trust, logger }: RevocationsOptions): Revocations {
  let current: Sayings = () => [];
  let last: Promise<unknown> = Promise.resolve();
  const reloadNow = async () => {
    const before = current;
    const lists = await trust.verified().catch((error: unknown) => {
      logger.error("The verified trust state cannot be read", { error: String(error) });
      return null;
    });
    // What was verified once does not end because its file is gone.
    if (lists !== null) current = sayingsOf(indexRevocations(lists));
    return before;
  };
  return {
    reload() {
      // One after the other, or what was read earlier could replace what was read later.
      const done = last.then(reloadNow);
      last = done;
      return done;
    },
    of: (name, release) => current(name, release),
  };
}

/** Every call asks, so that a release is looked up once. */
function sayingsOf(find: ReturnType<typeof indexRevocations>): Sayings {
  const known = new WeakMap<ReleaseRow, readonly Revocation[]>();
  return (name, release) => {
    const said = known.get(release) ?? find(revocable(name, release));
    known.set(release, said);
    return said;
  };
}

/** The entry that stops a release, whatever its administrator wants. */
export function disablingOf(
  revocations: Pick<Revocations, "of">,
  { name, release }: Pick<PluginRow, "name" | "release">,
): Revocation | undefined {
  return revocations.of(name, release).find(({ action }) => action === "disable");
}

/** Why a release must not run, whatever its administrator wants; undefined when it may. */
export function stoppedBy(
  revocations: Pick<Revocations, "of">,
  row: Pick<PluginRow, "name" | "release">,
): Problem | undefined {
  const entry = disablingOf(revocations, row);
  return entry === undefined ? undefined : problemOf(entry);
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
    const problem = stoppedBy(revocations, slot.row);
    if (problem !== undefined) slots.load({ ...slot, problem });
  }
}

/**
 * Reads the lists again and brings the installed plugins into line: a revoked one stops, one whose
 * revocation was withdrawn may run again, and about every other entry that is new somebody is told.
 * May run beside an operation; what that one has put in place meanwhile takes another run after it.
 */
export async function applyRevocations(parts: RevocationParts): Promise<void> {
  const before = await parts.revocations.reload();
  // All are out of reach before any of them is waited for.
  const stopping = parts.slots.all().map((slot) => {
    tellNews(parts, slot, before(slot.row.name, slot.row.release));
    return stopOrRelease(parts, slot);
  });
  await Promise.all(stopping);
}

function tellNews(
  { revocations, slots }: RevocationParts,
  { row }: Slot,
  before: readonly Revocation[],
): void {
  const known = before.map(({ id }) => id);
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
  const revoked = stoppedBy(revocations, row);
  if (revoked === undefined) {
    if (problem?.code === "trust_revoked") slots.put(row.name, { ...slot, problem: null });
    return;
  }
  if (problem?.message !== revoked.message || slot.running !== null)
    await active.stop(row.name, { ...slot, problem: revoked, running: null });
}

function problemOf({ id, action, reason, advisory }: Revocation): Problem {
  const message = `${id} (${action}): ${localText(reason, "en")}`;
  const more = advisory === undefined ? "" : ` See ${advisory}`;
  return { code: "trust_revoked", message: message + more };
}
