import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { RbsmError } from "@rising-bsm/protocol";
import { createTrust } from "../ceremony.ts";
import { run } from "../processes.ts";
import { postJson } from "./http.ts";
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

/** Root, targets and service keys by the maintainers' ceremony; the secrets file is written last. */
async function holdCeremony({
  paths,
  say,
}: Step): Promise<{ adminToken: string; envFile: string }> {
  const envFile = join(paths.trustDir, "secrets.env");
  if (!existsSync(envFile)) {
    say("Trust ceremony: root and targets signed by 2 of 3 demo signers");
    const trust = await createTrust({ now: new Date() });
    await writeWhole(join(paths.trustDir, "root.json"), trust.root);
    await writeWhole(join(paths.trustDir, "targets.json"), trust.targets);
    await writeWhole(join(paths.trustDir, "service-keys.json"), trust.serviceKeys);
    await writeWhole(join(paths.trustDir, "offline-keys.json"), JSON.stringify(trust.offlineKeys));
    const secrets = trust.secrets;
    await writeWhole(
      envFile,
      Object.entries(secrets)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(""),
    );
  }
  const adminToken = /^ADMIN_TOKEN=(.+)$/m.exec(await readFile(envFile, "utf8"))?.[1];
  if (adminToken === undefined)
    throw new RbsmError("internal", `"${envFile}" holds no ADMIN_TOKEN`, {
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
  ];
  const worker = services.start(
    "wrangler",
    [...args, ...state, "--show-interactive-dev-session=false"],
    { logFile },
  );
  const url = `http://127.0.0.1:${port}`;
  await untilReady(`${url}/health`, worker, logFile);
  await uploadTrust({ url, adminToken }, paths.trustDir);
  return { url, adminToken };
}

async function uploadTrust({ url, adminToken }: Marketplace, trustDir: string): Promise<void> {
  const read = async (name: string) => (await readFile(join(trustDir, name))).toString("base64");
  const body = {
    root: await read("root.json"),
    targets: await read("targets.json"),
    serviceKeys: await read("service-keys.json"),
  };
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
    ROOT_FILE: join(paths.trustDir, "root.json"),
  };
  await mkdir(paths.hostDir, { recursive: true, mode: 0o700 });
  const host = services.start("node", ["examples/host/server.ts"], { logFile, env });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(`${url}/health`, host, logFile);
  return url;
}
