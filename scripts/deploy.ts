/**
 * `npm run deploy`: databases, Worker, trust, smoke test, in the order that never leaves a Worker on a
 * schema it does not know. The first run deploys first, because that creates the databases and
 * buckets; the Worker answers 503 `schema_outdated` until they are migrated. `--trust DIR` takes the
 * output of the ceremony: its secrets are set and its public files uploaded. `--dry-run` only builds.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { base64, parseJson } from "@rising-bsm/protocol";
import { z } from "zod";
import { QUIET_ENV, requireNode24, run } from "./processes.ts";

const DATABASES = ["DB", "SEARCH"] as const;
const SMOKE_ATTEMPTS = 20;
const SMOKE_PAUSE_MS = 1_500;

requireNode24();
const { values } = parseArgs({
  options: {
    "dry-run": { type: "boolean", default: false },
    trust: { type: "string" },
    url: { type: "string" },
  },
});

if (values["dry-run"]) {
  process.stdout.write(await wrangler(["deploy", "--dry-run"]));
} else {
  await deploy();
}

async function deploy(): Promise<void> {
  const isFirst = !(await hasDatabases());
  if (isFirst) say("First run: wrangler creates the databases and buckets");
  else await migrate();
  const url = values.url ?? readUrl(await wrangler(["deploy"]));
  if (isFirst) await migrate();
  if (values.trust !== undefined) await installTrust(url, values.trust);
  await smokeTest(url);
  say(`${url} answers`);
}

async function hasDatabases(): Promise<boolean> {
  const listed = z
    .array(z.object({ name: z.string() }))
    .parse(JSON.parse(await wrangler(["d1", "list", "--json"])));
  const config = await readFile("wrangler.toml", "utf8");
  const names = [...config.matchAll(/^database_name = "(.+)"$/gm)].map(([, name]) => name);
  return names.every((name) => listed.some((database) => database.name === name));
}

async function migrate(): Promise<void> {
  for (const database of DATABASES) {
    say(`Migrating ${database}`);
    await wrangler(["d1", "migrations", "apply", database, "--remote"]);
  }
}

function readUrl(output: string): string {
  const url = /https:\/\/\S+\.workers\.dev/.exec(output)?.[0];
  if (url !== undefined) return url;
  throw new Error(`wrangler named no address: pass it with --url\n${output}`);
}

const secretsSchema = z.looseObject({ ADMIN_TOKEN: z.string() });

async function installTrust(url: string, dir: string): Promise<void> {
  const secretsFile = join(dir, "secrets.json");
  say("Setting the Worker's secrets");
  await wrangler(["secret", "bulk", secretsFile]);
  const limits = { maxBytes: 64 * 1024, code: "usage" } as const;
  const secrets = secretsSchema.parse(parseJson(await readFile(secretsFile), limits));
  const file = async (name: string) => base64(await readFile(join(dir, name)));
  const body = JSON.stringify({
    root: await file("root.json"),
    targets: await file("targets.json"),
    serviceKeys: await file("service-keys.json"),
  });
  const headers = {
    Authorization: `Bearer ${secrets.ADMIN_TOKEN}`,
    "Content-Type": "application/json",
  };
  say("Uploading root, targets and service keys");
  await untilOk(new URL("/v1/trust", url), { method: "PUT", headers, body });
}

/** One path of each plane: the Worker, a database, and the signed metadata once it is there. */
async function smokeTest(url: string): Promise<void> {
  const paths = ["/health", "/v1/plugins?limit=1"];
  if (values.trust !== undefined) paths.push("/tuf/timestamp.json");
  for (const path of paths) await untilOk(new URL(path, url), {});
}

/** A new version and new secrets take a moment to reach the location that answers. */
async function untilOk(url: URL, init: RequestInit): Promise<void> {
  let last = "";
  for (let attempt = 0; attempt < SMOKE_ATTEMPTS; attempt++) {
    const answer = await fetch(url, init);
    if (answer.ok) return;
    last = `${answer.status} ${await answer.text()}`;
    await new Promise((resolve) => setTimeout(resolve, SMOKE_PAUSE_MS));
  }
  throw new Error(`${init.method ?? "GET"} ${url.href} keeps failing: ${last}`);
}

async function wrangler(args: readonly string[]): Promise<string> {
  const { code, stdout, output } = await run("wrangler", args, QUIET_ENV);
  if (code !== 0) throw new Error(`wrangler ${args.join(" ")} failed\n${output}`);
  return stdout;
}

function say(text: string): void {
  console.log(text);
}
