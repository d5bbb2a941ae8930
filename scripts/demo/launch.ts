import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { RbsmError } from "@rising-bsm/protocol";
import { createTrust } from "../ceremony.ts";
import { TARGET_FILES } from "../ceremony/trust-folder.ts";
import { readTrustRequest } from "../ceremony/trust-request.ts";
import { run } from "../processes.ts";
import { postJson } from "./http.ts";
import { DEMO_PAYMENT_SECRET, startStripe } from "./payment-provider.ts";
import type { Services } from "./services.ts";
import { untilReady } from "./services.ts";
import { writeWhole, type demoPaths } from "./state.ts";

/** What every step of a start needs. */
export interface Step {
  readonly services: Services;
  readonly paths: ReturnType<typeof demoPaths>;
  readonly say: (text: string) => void;
}

/** A marketplace that answers, and the token of its administrator. */
export interface Marketplace {
  readonly url: string;
  readonly adminToken: string;
}

/** Every signed file by the maintainers' ceremony; the secrets file is written last. */
async function holdCeremony({
  paths,
  say,
}: Step): Promise<{ adminToken: string; envFile: string }> {
  const envFile = join(paths.trustDir, "secrets.env");
  if (!existsSync(envFile)) {
    say("Trust ceremony: root and targets signed by 2 of 3 demo signers");
    const { root, targets, offlineKeys, secrets, ...files } = await createTrust({
      now: new Date(),
    });
    await writeWhole(paths.rootFile, root);
    for (const [key, name] of TARGET_FILES)
      await writeWhole(join(paths.trustDir, name), files[key]);
    await writeWhole(join(paths.trustDir, "targets.json"), targets);
    await writeWhole(join(paths.trustDir, "offline-keys.json"), JSON.stringify(offlineKeys));
    const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
    await writeWhole(envFile, lines.join(""));
  }
  const text = await readFile(envFile, "utf8");
  const adminToken = /^ADMIN_TOKEN=(.+)$/m.exec(text)?.[1];
  if (adminToken === undefined || !text.includes("LOG_KEY="))
    throw new RbsmError("internal", `"${envFile}" does not hold every secret`, {
      fix: "Start again with --fresh",
    });
  return { adminToken, envFile };
}

/** Applies the migrations of both databases, unless the same ones were applied by an earlier start. */
async function migrate({ paths, say }: Step): Promise<void> {
  const names = [...(await readdir("migrations/db")), ...(await readdir("migrations/search"))].join(
    "\n",
  );
  const doneFile = join(paths.marketplaceDir, "migrations.txt");
  if ((await readFile(doneFile, "utf8").catch(() => "")) === names) return;
  say("Databases: applying migrations");
  const persist = ["--local", "--persist-to", paths.marketplaceDir];
  // One after the other: both write to one file of the local state, and the second would find it locked.
  for (const database of ["DB", "SEARCH"]) {
    const { code, output } = await run("wrangler", [
      "d1",
      "migrations",
      "apply",
      database,
      ...persist,
    ]);
    if (code !== 0)
      throw new RbsmError("internal", `The migrations of ${database} failed\n${output}`);
  }
  await writeWhole(doneFile, names);
}

/** Starts the Worker in workerd with local D1 and R2 and gives it its trust metadata. */
export async function startMarketplace(step: Step & { port: number }): Promise<Marketplace> {
  const { services, paths, port, say } = step;
  await mkdir(paths.logs, { recursive: true });
  const { adminToken, envFile } = await holdCeremony(step);
  await migrate(step);
  say("Marketplace: starting the Worker in workerd");
  const logFile = join(paths.logs, "marketplace.log");
  const provider = await startStripe();
  const args = [
    "dev",
    "--local",
    "--ip",
    "127.0.0.1",
    "--port",
    String(port),
    "--inspector-port",
    "0",
  ];
  const state = [
    "--persist-to",
    paths.marketplaceDir,
    "--env-file",
    envFile,
    "--var",
    "REVIEW_POLICY:open",
    // Local R2 has no limit on how often one key is written.
    "--var",
    "POINTER_INTERVAL_MS:0",
    ...paymentVars(provider.url),
  ];
  const worker = services.start(
    "wrangler",
    [...args, ...state, "--show-interactive-dev-session=false"],
    // Else wrangler keeps spans of every request and cron, and never deletes one.
    { logFile, env: { X_LOCAL_OBSERVABILITY: "false" } },
  );
  const url = `http://127.0.0.1:${port}`;
  await untilReady(`${url}/health`, worker, logFile);
  await uploadTrust({ url, adminToken }, paths.trustDir);
  return { url, adminToken };
}

/** What is sold here is paid by `npm run payment-event`; no money moves. */
function paymentVars(apiUrl: string): string[] {
  const vars = {
    STRIPE_SECRET_KEY: "sk_test_of_the_demo",
    STRIPE_WEBHOOK_SECRET: DEMO_PAYMENT_SECRET,
    STRIPE_API_URL: apiUrl,
  };
  return Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
}

async function uploadTrust({ url, adminToken }: Marketplace, trustDir: string): Promise<void> {
  const body = await readTrustRequest(trustDir);
  await postJson(`${url}/v1/trust`, body, { token: adminToken, method: "PUT" });
}

/** Starts the reference host against the marketplace. */
export async function startHost(
  step: Step & { port: number; marketplace: string },
): Promise<string> {
  const { services, paths, port, marketplace, say } = step;
  say("Host: starting the reference host");
  const logFile = join(paths.logs, "host.log");
  const env = {
    PORT: String(port),
    DATA_DIR: paths.hostDir,
    MARKETPLACE_URL: marketplace,
    ROOT_FILE: paths.rootFile,
  };
  await mkdir(paths.hostDir, { recursive: true, mode: 0o700 });
  const host = services.start("node", ["examples/host/server.ts"], { logFile, env });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(`${url}/health`, host, logFile);
  return url;
}
