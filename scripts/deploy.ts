/**
 * `npm run deploy`: databases, Worker, trust, smoke test, in the order that never leaves a Worker on a
 * schema it does not know. The first run deploys first, because that creates the databases and
 * buckets; the Worker answers 503 `schema_outdated` until they are migrated. `--trust DIR` takes a trust
 * folder: its secrets are set, then its signed files uploaded. `--secrets DIR` only sets the secrets.
 * `--dry-run` checks and builds.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import { inForceProblems } from "./ceremony/check.ts";
import { readIfThere, parseAs } from "./ceremony/files.ts";
import { readServiceKeys } from "./ceremony/online-keys.ts";
import { openTerminal } from "./ceremony/terminal.ts";
import { requireInForce } from "./ceremony/trust-folder.ts";
import { readTrustRequest } from "./ceremony/trust-request.ts";
import { QUIET_ENV, requireNode24, run } from "./processes.ts";

const DATABASES = ["DB", "SEARCH"] as const;
const SMOKE_ATTEMPTS = 20;
const SMOKE_PAUSE_MS = 1_500;

requireNode24();
const { values } = parseArgs({
  options: {
    "dry-run": { type: "boolean", default: false },
    trust: { type: "string" },
    secrets: { type: "string" },
    url: { type: "string" },
  },
});

try {
  if (values.trust !== undefined) await checkFolder(values.trust);
  if (values["dry-run"]) process.stdout.write(await wrangler(["deploy", "--dry-run"]));
  else if (values.secrets === undefined) await deploy();
  else await setSecrets(values.secrets);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof RbsmError && error.detail.fix !== undefined) console.error(error.detail.fix);
  process.exitCode = 1;
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

/** What hosts would refuse is not uploaded, and a log that the Worker would not sign for neither. */
async function checkFolder(dir: string): Promise<void> {
  const inForce = await requireInForce(dir);
  const { problems, warnings } = await inForceProblems(inForce, new Date());
  const { log } = readServiceKeys(inForce.files.serviceKeys);
  const origin = /^LOG_ORIGIN = "(.+)"$/m.exec(await readFile("wrangler.toml", "utf8"))?.[1];
  if (log.at(-1)?.origin !== origin) {
    problems.push(`LOG_ORIGIN in wrangler.toml is "${origin}", not "${log.at(-1)?.origin}"`);
  }
  for (const warning of warnings) say(`warning: ${warning}`);
  if (problems.length > 0) throw new Error(`"${dir}" is not to be used:\n${problems.join("\n")}`);
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

/** Secrets of the folder, if it holds some that the Worker may not have yet. */
async function readSecrets(dir: string): Promise<Record<string, string>> {
  const bytes = await readIfThere(join(dir, "secrets.json"));
  if (bytes === null) return {};
  return parseAs(bytes, z.record(z.string(), z.string()), `"${dir}/secrets.json"`);
}

async function setSecrets(dir: string): Promise<void> {
  const file = join(dir, "secrets.json");
  const names = Object.keys(await readSecrets(dir));
  if (names.length === 0) throw new Error(`"${file}" holds no secret`);
  say(`Setting ${names.join(", ")}`);
  await wrangler(["secret", "bulk", file]);
  say(`The Worker has them: delete "${file}", keep ADMIN_TOKEN where administrators keep theirs`);
}

/** Secrets first: the Worker takes only trust that names the keys it holds. */
async function installTrust(url: string, dir: string): Promise<void> {
  const secrets = await readSecrets(dir);
  const token = secrets["ADMIN_TOKEN"] ?? process.env["ADMIN_TOKEN"] ?? (await askToken());
  if (Object.keys(secrets).length > 0) await setSecrets(dir);
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const body = JSON.stringify(await readTrustRequest(dir));
  say("Uploading roots, targets and what they list");
  await untilOk(new URL("/v1/trust", url), { method: "PUT", headers, body });
}

async function askToken(): Promise<string> {
  const terminal = openTerminal();
  try {
    return await terminal.ask("The administrator's token (nothing is shown):", { hidden: true });
  } finally {
    terminal.close();
  }
}

/** One path of each plane: the Worker, a database, and the signed metadata once it is there. */
async function smokeTest(url: string): Promise<void> {
  const paths = ["/health", "/v1/plugins?limit=1"];
  if (values.trust !== undefined) paths.push("/tuf/timestamp.json", "/log/checkpoint");
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
