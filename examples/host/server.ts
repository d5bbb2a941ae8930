/**
 * The reference host: a small service business application on Hono for Node that mounts the plugin
 * host. It has one user, who may do everything, and listens on loopback only.
 *
 * Environment: PORT, DATA_DIR, MARKETPLACE_URL, ROOT_FILE (the TUF root.json of the marketplace).
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { createPluginHost, createSimulatedDomain, createSqliteStore } from "@rising-bsm/host-sdk";
import { Hono } from "hono";
import { z } from "zod";

const Environment = z.object({
  PORT: z.coerce.number().int().min(1).max(65_535),
  DATA_DIR: z.string().min(1),
  MARKETPLACE_URL: z.url(),
  ROOT_FILE: z.string().min(1),
});

const environment = Environment.parse(process.env);
const owner = { id: "1", name: "Olivia Owner", permissions: "all" as const };

const store = createSqliteStore(join(environment.DATA_DIR, "host.sqlite"));
const host = await createPluginHost({
  dataDir: environment.DATA_DIR,
  marketplace: { url: environment.MARKETPLACE_URL, root: await readFile(environment.ROOT_FILE) },
  store,
  domain: await createSimulatedDomain({ store }),
});

const app = new Hono();
app.get("/health", (c) => c.json({ status: "ok" }));
app.all("*", (c) => host.handle(c.req.raw, { actor: owner, base: "" }));

const server = serve(
  { fetch: app.fetch, port: environment.PORT, hostname: "127.0.0.1" },
  (info) => {
    console.log(`The reference host listens on http://127.0.0.1:${info.port}`);
  },
);

async function stop(): Promise<void> {
  server.close();
  await host.close();
  process.exit(0);
}
process.once("SIGTERM", () => void stop());
process.once("SIGINT", () => void stop());
