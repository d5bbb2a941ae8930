import { REVIEW_LIMITS } from "@rising-bsm/protocol";
import type { ReviewRequest } from "@rising-bsm/protocol";
import { and, desc, eq, isNull, sql } from "drizzle-orm";
import { auditIf } from "../audit.ts";
import { installations } from "../beacons/tables.ts";
import type { Database } from "../database.ts";
import { activations, instances, licenses } from "../licenses/tables.ts";
import { countNewcomer, isWithin } from "../network-days.ts";
import type { NetworkDay } from "../network-days.ts";
import { plugins, versions } from "../schema.ts";
import type { AuditEntry } from "../schema.ts";
import type { Admission, Holding } from "./admit-review.ts";
import { reviews } from "./tables.ts";
import type { StoredReview } from "./tables.ts";

/** A plugin that has published something, and who may see it; undefined when there is none. */
export async function findSubject(db: Database, plugin: string) {
  const [subject] = await selectSubject(db, plugin);
  return subject;
}

export function selectSubject(db: Database, plugin: string) {
  const visibility = sql<string>`coalesce(${versions.manifest} ->> 'visibility', 'public')`;
  return db
    .select({ latest: versions.version, visibility: visibility.as("visibility") })
    .from(plugins)
    .innerJoin(
      versions,
      and(eq(versions.plugin, plugins.name), eq(versions.version, plugins.latest)),
    )
    .where(
      and(
        eq(plugins.name, plugin),
        isNull(plugins.removedAt),
        // Of a plugin whose first release is not published yet nothing is shown.
        eq(versions.status, "published"),
      ),
    );
}

/** What an instance, named by the thumbprint of its key, has of a plugin. */
export async function loadHolding(
  db: Database,
  { plugin, jkt, version }: { plugin: string; jkt: string; version: string | undefined },
): Promise<Holding> {
  const instance = sql`(SELECT id FROM instances WHERE jkt = ${jkt})`;
  const reported = sql`(SELECT version FROM installations WHERE instance_id = ${instance}
    AND plugin = ${plugin} AND installed = 1)`;
  const latest = sql`(SELECT latest FROM plugins WHERE name = ${plugin})`;
  const spokenOf = sql`coalesce(${version ?? null}, ${reported}, ${latest})`;
  const [known, counted, held, published] = await db.batch([
    db.select({ id: instances.id }).from(instances).where(eq(instances.jkt, jkt)),
    db
      .select()
      .from(installations)
      .where(and(eq(installations.instanceId, instance), eq(installations.plugin, plugin))),
    db
      .select({
        createdAt: activations.createdAt,
        endedAt: activations.endedAt,
        heldUntil: activations.heldUntil,
        state: licenses.state,
        payment: licenses.payment,
      })
      .from(activations)
      .innerJoin(licenses, eq(licenses.id, activations.licenseId))
      .where(and(eq(activations.instanceId, instance), eq(activations.plugin, plugin)))
      .orderBy(desc(activations.heldUntil))
      .limit(10),
    db
      .select({ version: versions.version, needsLicense: versions.paid })
      .from(versions)
      .where(
        and(
          eq(versions.plugin, plugin),
          eq(versions.version, spokenOf),
          eq(versions.status, "published"),
        ),
      ),
  ]);
  return {
    instanceId: known[0]?.id ?? null,
    installation: counted[0] ?? null,
    activations: held,
    version: published[0] ?? null,
  };
}

/** A signed request of an instance about its own review. */
export interface Wish extends Admission {
  readonly plugin: string;
  /** Time of the proof in seconds, and its id. */
  readonly iat: number;
  readonly rid: string;
}

/** What an instance says, and from where. */
export interface Writing {
  readonly review: ReviewRequest;
  readonly audit: AuditEntry;
  readonly network: NetworkDay | null;
}

/**
 * Stores a review in place of the instance's one of the same major version, unless a newer request of
 * the instance was taken, another major version was reviewed too short a time ago, or the network has
 * had its reviews of the day. Answers all that is stored of the instance, from which `whyNotStored()`
 * reads which it was. One that was hidden stays so, and the same again is no change.
 */
export async function storeReview(
  db: Database,
  { plugin, instanceId, version, major, iat, rid }: Wish,
  { review, audit, network }: Writing,
): Promise<StoredReview[]> {
  const { rating, title, text, language } = review;
  const isOf = and(eq(reviews.plugin, plugin), eq(reviews.instanceId, instanceId));
  const isOwn = and(isOf, eq(reviews.major, major));
  const isOlder = sql`${reviews.provedAt} < ${iat}`;
  const isSame = and(
    eq(reviews.version, version),
    eq(reviews.rating, rating),
    eq(reviews.title, title),
    eq(reviews.text, text),
    eq(reviews.language, language),
  );
  const since = audit.at - REVIEW_LIMITS.betweenMajorsMs;
  // A review of this major version that is there is changed; beside others of late none is begun.
  const isFree = sql`(EXISTS (SELECT 1 FROM ${reviews} WHERE ${isOwn} AND deleted_at IS NULL)
    OR NOT EXISTS (SELECT 1 FROM ${reviews} WHERE ${isOf} AND deleted_at IS NULL AND created_at > ${since}))`;
  const isNews = sql`${isFree}
    AND NOT EXISTS (SELECT 1 FROM ${reviews} WHERE ${isOwn} AND NOT ${isOlder})`;
  const quota = { of: network, what: "reviews", most: REVIEW_LIMITS.reviewsPerNetwork } as const;
  const [, , , , stored] = await db.batch([
    // Then no later statement finds news in it.
    db
      .update(reviews)
      .set({ provedAt: iat, rid })
      .where(and(isOwn, isNull(reviews.deletedAt), isOlder, isSame)),
    countNewcomer(db, quota, isNews),
    auditIf(db, audit, sql`${isNews} AND ${isWithin(quota)}`),
    db
      .insert(reviews)
      .select(
        sql`SELECT ${crypto.randomUUID()}, ${plugin}, ${instanceId}, ${major}, ${version}, ${rating}, ${title},
          ${text}, ${language}, ${audit.at}, ${audit.at}, ${iat}, ${rid}, NULL, NULL, NULL, NULL
        WHERE ${isFree} AND ${isWithin(quota)}`,
      )
      .onConflictDoUpdate({
        target: [reviews.plugin, reviews.instanceId, reviews.major],
        set: {
          version,
          rating,
          title,
          text,
          language,
          updatedAt: audit.at,
          provedAt: iat,
          rid,
          createdAt: sql`CASE WHEN ${reviews.deletedAt} IS NULL THEN ${reviews.createdAt} ELSE ${audit.at} END`,
          deletedAt: null,
        },
        setWhere: isOlder,
      }),
    db.select().from(reviews).where(isOf),
  ]);
  return stored;
}

/** The reviews of an instance, which its key's thumbprint names: the highest major version first. */
export function listOwnReviews(db: Database, plugin: string, jkt: string): Promise<StoredReview[]> {
  const instance = sql`(SELECT id FROM instances WHERE jkt = ${jkt})`;
  return db
    .select()
    .from(reviews)
    .where(
      and(eq(reviews.plugin, plugin), eq(reviews.instanceId, instance), isNull(reviews.deletedAt)),
    )
    .orderBy(desc(reviews.major))
    .limit(100);
}

/** The instance that wrote a review, or undefined when the plugin has none of this id. */
export async function findReview(
  db: Database,
  { plugin, id }: { plugin: string; id: string },
): Promise<(StoredReview & { jkt: string }) | undefined> {
  const [row] = await db
    .select({ review: reviews, jkt: instances.jkt })
    .from(reviews)
    .innerJoin(instances, eq(instances.id, reviews.instanceId))
    .where(and(eq(reviews.id, id), eq(reviews.plugin, plugin)));
  return row === undefined ? undefined : { ...row.review, jkt: row.jkt };
}

/** Takes a review and its text away, unless a newer request of the instance was taken. */
export async function deleteReview(
  db: Database,
  { id, iat, rid }: { id: string; iat: number; rid: string },
  audit: AuditEntry,
): Promise<StoredReview | undefined> {
  const isThere = and(
    eq(reviews.id, id),
    isNull(reviews.deletedAt),
    sql`${reviews.provedAt} < ${iat}`,
  );
  const gone = { title: "", text: "", reply: null, repliedAt: null, provedAt: iat, rid };
  const [, , rows] = await db.batch([
    auditIf(db, audit, sql`EXISTS (SELECT 1 FROM ${reviews} WHERE ${isThere})`),
    db
      .update(reviews)
      .set({ ...gone, deletedAt: audit.at, updatedAt: audit.at })
      .where(isThere),
    db.select().from(reviews).where(eq(reviews.id, id)),
  ]);
  return rows[0];
}

/** What people other than its writer do to a review. */
export type Moderation =
  | { readonly hiddenReason: string | null }
  | { readonly reply: string | null; readonly repliedAt: number | null };

/** Writes it with its audit row, unless the review is so already; undefined when there is no review. */
export async function moderateReview(
  db: Database,
  { plugin, id, change }: { plugin: string; id: string; change: Moderation },
  audit: AuditEntry,
): Promise<StoredReview | undefined> {
  const isThere = and(eq(reviews.id, id), eq(reviews.plugin, plugin), isNull(reviews.deletedAt));
  const isOther =
    "reply" in change
      ? sql`${reviews.reply} IS NOT ${change.reply}`
      : sql`${reviews.hiddenReason} IS NOT ${change.hiddenReason}`;
  const [, , rows] = await db.batch([
    auditIf(db, audit, sql`EXISTS (SELECT 1 FROM ${reviews} WHERE ${isThere} AND ${isOther})`),
    db.update(reviews).set(change).where(and(isThere, isOther)),
    db.select().from(reviews).where(isThere),
  ]);
  return rows[0];
}
