/**
 * The baseline of the publish benchmark: as many writes to R2 and batches of D1 as one publish makes,
 * one after the other, and nothing between them.
 */
export default {
  async fetch(
    request: Request,
    env: {
      BUNDLES: { put(key: string, bytes: Uint8Array): Promise<unknown> };
      DB: {
        prepare(sql: string): { run(): Promise<unknown> };
        batch(statements: unknown[]): Promise<unknown>;
      };
    },
  ) {
    const { searchParams } = new URL(request.url);
    const bytes = new Uint8Array(await request.arrayBuffer());
    const prefix = crypto.randomUUID();
    for (let at = 0; at < Number(searchParams.get("puts")); at++) {
      await env.BUNDLES.put(`${prefix}/${at}`, bytes);
    }
    await env.DB.prepare("CREATE TABLE IF NOT EXISTS rows (id TEXT, at INTEGER)").run();
    for (let at = 0; at < Number(searchParams.get("batches")); at++) {
      const insert = `INSERT INTO rows VALUES ('${prefix}', ${at})`;
      await env.DB.batch([env.DB.prepare(insert), env.DB.prepare("SELECT max(rowid) FROM rows")]);
    }
    return new Response("done");
  },
};
