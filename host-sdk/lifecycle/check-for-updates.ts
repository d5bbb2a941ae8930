import { compareVersions, RbsmError } from "@rising-bsm/protocol";
import { keepKeyStatements } from "../install/keep-key-statements.ts";
import { checkOffer } from "../install/stage.ts";
import type { Fork } from "../trust/log.ts";
import { staleness } from "../trust/stale.ts";
import type { Catalogue, Trust } from "../trust/trust.ts";
import type { Administration } from "./administer.ts";
import type { AdministerParts } from "./administer-parts.ts";
import { findUpdate, type UpdateInfo } from "./find-updates.ts";
import { applyRevocations } from "./revocations.ts";
import { problemOf, type Problem, type Slot } from "./slots.ts";

/** A newer release that this host does not accept as it is, and why. */
export interface HeldUpdate {
  readonly version: string;
  readonly problem: Problem;
}

/** Updates that are held back until an administrator, or the marketplace, does something. */
export interface HeldUpdates {
  /** Null also when the plugin has become newer since. */
  of(slot: Slot): HeldUpdate | null;
  readonly found: Map<string, HeldUpdate>;
}

/** None until the first check. */
export function createHeldUpdates(): HeldUpdates {
  const found = new Map<string, HeldUpdate>();
  return {
    found,
    of({ row }) {
      const held = found.get(row.name);
      const isNewer = held !== undefined && compareVersions(held.version, row.release.version) > 0;
      return isNewer ? held : null;
    },
  };
}

/** What the host knows of the marketplace as a whole. */
export interface TrustInfo {
  /** ISO times: of the last refresh that found nothing expired, and when the marketplace signed. */
  readonly refreshedAt: string | null;
  readonly signedAt: string | null;
  /** Why nobody should wait longer: the marketplace was not verified for 48 hours. */
  readonly stale: Problem | null;
  /** Evidence that the log told two histories: nothing is installed while the file is there. */
  readonly fork: Fork | null;
}

/** What the checks work with. */
export interface UpdateCheckParts {
  readonly trust: Trust;
  readonly administer: AdministerParts;
  readonly administration: Pick<Administration, "alone">;
  readonly held: HeldUpdates;
}

/** What administrators get to see beside their plugins. */
export async function describeTrust({ trust, administer }: UpdateCheckParts): Promise<TrustInfo> {
  const verified = await trust.verified().catch(() => null);
  const { refreshedAt = null, signedAt = null } = verified ?? {};
  const { now, log } = administer.install;
  const stale = verified === null ? null : staleness(verified, now());
  return { refreshedAt, signedAt, stale, fork: await log.fork() };
}

/**
 * The update check: revocations come into force, the log and publishers' keys are followed, and for every newer release it
 * is found out whether this host would accept it. One request when the marketplace has nothing new.
 */
export async function checkForUpdates(parts: UpdateCheckParts): Promise<UpdateInfo[]> {
  const { administer, administration, held } = parts;
  const { changed, catalogue } = await readCatalogue(parts.trust);
  // At once, however long an operation under way takes, and again for what that puts in place.
  await applyRevocations(administer);
  await administration.alone(() => applyRevocations(administer));
  if (changed) await followLog(parts);
  const found = administer.slots
    .all()
    .filter(({ row }) => row.source === "marketplace")
    .map(async (slot) => {
      await followPublisher(parts, slot, catalogue);
      const update = await findUpdate(catalogue, slot);
      if (update?.to === undefined || update.to === null) return update;
      return { ...update, held: await judge(parts, slot, { catalogue, version: update.to }) };
    });
  const updates = (await Promise.all(found)).filter((update) => update !== null);
  const offered = new Set(updates.map(({ plugin }) => plugin));
  for (const name of held.found.keys()) if (!offered.has(name)) held.found.delete(name);
  return updates;
}

/** What has expired, and what cannot be reached, is as good as new for looking only. */
async function readCatalogue(trust: Trust): Promise<{ changed: boolean; catalogue: Catalogue }> {
  return trust.check().catch(async (error: unknown) => {
    const { code } = error instanceof RbsmError ? error : { code: "" };
    const isAway = code === "unavailable" || code.startsWith("network_");
    if (!isAway && code !== "trust_metadata_expired") throw error;
    return { changed: false, catalogue: await trust.refresh({ acceptStale: true }) };
  });
}

/** A document that cannot be read is what `findUpdate` tells. */
async function followPublisher(
  { administer: { install }, administration }: UpdateCheckParts,
  { row: { name } }: Slot,
  catalogue: Catalogue,
): Promise<void> {
  const document = await catalogue.document(name).catch(() => null);
  const statements = document?.publisher.statements ?? [];
  if (statements.length === 0) return;
  const kept = administration.alone(() => keepKeyStatements(install.store, name, statements));
  await kept.catch((error: unknown) => {
    install.logger.warn(`What the publisher of ${name} says about keys could not be kept`, {
      ...problemOf(error),
    });
  });
}

/** A fork is on record after this; what else goes wrong stops the next installation, not the check. */
async function followLog({ administer: { install } }: UpdateCheckParts): Promise<void> {
  await install.log.refresh().catch((error: unknown) => {
    install.logger.warn("The log could not be followed", { ...problemOf(error) });
  });
}

/** A refusal of the release; that it could not be read now is none. */
function refusalOf(error: unknown): Problem | null {
  const problem = problemOf(error);
  return /^(?:trust|signature)_/.test(problem.code) ? problem : null;
}

interface Offer {
  readonly catalogue: Catalogue;
  readonly version: string;
}

/** Why the host would not install the release; tells once about each. */
async function judge(
  { administer, held }: UpdateCheckParts,
  { row: { name } }: Slot,
  { catalogue, version }: Offer,
): Promise<Problem | null> {
  const offer = { name, version, document: await catalogue.document(name) };
  const given = { trust: catalogue, acceptPublisher: false };
  const problem = await checkOffer(administer.install, offer, given).then(() => null, refusalOf);
  const before = held.found.get(name);
  if (problem === null) held.found.delete(name);
  else held.found.set(name, { version, problem });
  const isNews = before?.version !== version || before.problem.message !== problem?.message;
  if (problem !== null && isNews) administer.slots.note(name, "update-held", problem);
  return problem;
}
