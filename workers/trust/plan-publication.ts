import type { OnlineRole, TrustRole } from "../schema.ts";

const DAY_MS = 86_400_000;

/** Snapshot and timestamp are good for a week and signed anew every day. */
export const HEADS_LIFETIME_MS = 7 * DAY_MS;
const HEADS_RENEWAL_MS = DAY_MS;
/** The list of the catalogue is good for 90 days, and signed anew after 30 without a change. */
export const CATALOG_LIFETIME_MS = 90 * DAY_MS;
const CATALOG_RENEWAL_MS = 30 * DAY_MS;
/** Time for the next ceremony, which needs people in one room. */
const CEREMONY_NOTICE_MS = 45 * DAY_MS;

/** The metadata in force, by role. */
export type RolesInForce = Partial<Record<TrustRole["role"], TrustRole>>;

export interface PublicationFacts {
  readonly roles: RolesInForce;
  /** Ids of the Worker's own keys. */
  readonly keyIds: Record<OnlineRole, string>;
  /** Some target of the catalogue is not what the catalog metadata lists. */
  readonly targetsChanged: boolean;
  /** Files of a ceremony are not in the bucket yet. */
  readonly filesWait: boolean;
  readonly now: number;
}

/** What has to be signed; a new catalog comes with new heads. */
export function planPublication(facts: PublicationFacts): "nothing" | "heads" | "catalog" {
  const { catalog, timestamp } = facts.roles;
  const isCatalogOld = isDue(catalog, CATALOG_LIFETIME_MS - CATALOG_RENEWAL_MS, facts.now);
  if (facts.targetsChanged || isCatalogOld || !isSigned(catalog, "catalog", facts)) {
    return "catalog";
  }
  const areHeadsOld = isDue(timestamp, HEADS_LIFETIME_MS - HEADS_RENEWAL_MS, facts.now);
  const areSigned =
    isSigned(timestamp, "snapshot", facts) && isSigned(timestamp, "timestamp", facts);
  return facts.filesWait || areHeadsOld || !areSigned ? "heads" : "nothing";
}

function isDue(role: TrustRole | undefined, remainingMs: number, now: number): boolean {
  return role === undefined || role.expiresAt - now <= remainingMs;
}

function isSigned(
  file: TrustRole | undefined,
  role: OnlineRole,
  { keyIds }: Pick<PublicationFacts, "keyIds">,
): boolean {
  return file?.keyIds[role]?.includes(keyIds[role]) ?? false;
}

/** Online roles for which the ceremonies name another key than the Worker has. */
export function unnamedKeys(
  { root, targets }: RolesInForce,
  keyIds: Record<OnlineRole, string>,
): OnlineRole[] {
  const named = { ...root?.keyIds, ...targets?.keyIds };
  return (["catalog", "snapshot", "timestamp"] as const).filter(
    (role) => !(named[role]?.includes(keyIds[role]) ?? false),
  );
}

/** The files that only people can renew, and soon have to. */
export function dueForCeremony(roles: RolesInForce, now: number): TrustRole[] {
  return [roles.root, roles.targets].flatMap((role) =>
    role !== undefined && role.expiresAt - now <= CEREMONY_NOTICE_MS ? [role] : [],
  );
}
