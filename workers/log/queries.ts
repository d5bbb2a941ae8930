import { logEntrySchema } from "@rising-bsm/protocol";
import type { LogEntry } from "@rising-bsm/protocol";
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Database } from "../database.ts";
import { logQueue } from "../schema.ts";
import type { Version } from "../schema.ts";

/** A statement for the batch of the change that the entry records; `advance` gives it its place. */
export function queueLogEntry(db: Database, entry: LogEntry, onlyIf: SQL) {
  const text = JSON.stringify(logEntrySchema.parse(entry));
  return db.insert(logQueue).select(sql`SELECT NULL, ${text}, NULL, NULL WHERE ${onlyIf}`);
}

/** A statement for the batch that gives the release its place in the order; the entry is made later. */
export function queueRelease(
  db: Database,
  { plugin, version }: Pick<Version, "plugin" | "version">,
  onlyIf: SQL,
) {
  return db
    .insert(logQueue)
    .select(sql`SELECT NULL, NULL, ${plugin}, ${version} WHERE ${onlyIf}`)
    .onConflictDoNothing();
}
