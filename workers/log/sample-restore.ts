import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { z } from "zod";
import { send } from "../testing.ts";

type Tables = Record<string, Record<string, unknown>[]>;

async function tableNames(): Promise<string[]> {
  const { results } = await env.DB.prepare(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
     AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name <> 'd1_migrations'`,
  ).all<{ name: string }>();
  return results.map(({ name }) => name);
}

/** What a restore point of the database holds. */
export async function snapshot(): Promise<Tables> {
  const tables: Tables = {};
  for (const name of await tableNames()) {
    tables[name] = (await env.DB.prepare(`SELECT * FROM ${name}`).all()).results;
  }
  return tables;
}

/** Sets the database back. Triggers are away meanwhile: a restore runs none. */
export async function restore(tables: Tables): Promise<void> {
  const { results } = await env.DB.prepare(
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
  ).all<{ name: string; sql: string }>();
  const statements = [
    "PRAGMA defer_foreign_keys = on",
    ...results.map(({ name }) => `DROP TRIGGER ${name}`),
    ...Object.keys(tables).map((name) => `DELETE FROM ${name}`),
  ].map((sql) => env.DB.prepare(sql));
  for (const [name, rows] of Object.entries(tables)) {
    for (const row of rows) {
      const columns = Object.keys(row).filter((column) => column !== "short");
      const values = columns.map((column) => row[column]);
      const places = columns.map(() => "?").join(", ");
      const sql = `INSERT INTO ${name} (${columns.join(", ")}) VALUES (${places})`;
      statements.push(env.DB.prepare(sql).bind(...values));
    }
  }
  statements.push(...results.map(({ sql }) => env.DB.prepare(sql)));
  await env.DB.batch(statements);
}

const progress = z.object({
  next: z.object({ step: z.string(), from: z.int() }).nullable(),
  lost: z.array(z.object({ plugin: z.string(), version: z.string(), reason: z.string() })),
});

/** All steps; each is sent twice, as somebody does whose connection broke. */
export async function recoverAll() {
  const lost: z.output<typeof progress>["lost"] = [];
  let next: z.output<typeof progress>["next"] = { step: "verify", from: 0 };
  while (next !== null) {
    const first = await send("POST", "/v1/log/recover", { body: next });
    expect(first.status).toBe(200);
    lost.push(...progress.parse(await first.json()).lost);
    const again = await send("POST", "/v1/log/recover", { body: next });
    next = progress.parse(await again.json()).next;
  }
  return lost;
}

/** All steps up to the first that is refused; the answer that says so. */
export async function recoverUntilRefused(): Promise<Response> {
  let next: z.output<typeof progress>["next"] = { step: "verify", from: 0 };
  while (next !== null) {
    const answer = await send("POST", "/v1/log/recover", { body: next });
    if (!answer.ok) return answer;
    next = progress.parse(await answer.json()).next;
  }
  throw new Error("Nothing was refused");
}
