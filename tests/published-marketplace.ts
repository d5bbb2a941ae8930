import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { base64, RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import { createTrust } from "../scripts/ceremony.ts";
import { runHere } from "../packages/cli/fixtures/run-here.ts";
import { postJson } from "../scripts/demo/http.ts";
import { type LocalWorker, startLocalWorker } from "./bench/local-worker.ts";

const Token = z.object({ token: z.string() });

/** The real Worker with its trust metadata, and the publisher `acme` of `@acme` with an enrolled key. */
export interface PublishedMarketplace {
  readonly url: string;
  /** File that holds root.json. */
  readonly rootFile: string;
  readonly adminToken: string;
  readonly worker: LocalWorker;
  /** Runs a command of the CLI as the publisher; the object that it prints. Throws when it fails. */
  cli(...args: readonly string[]): Promise<Record<string, unknown>>;
  /** Builds, signs and deploys a plugin without any code worth mentioning. */
  publish(name: string, version: string): Promise<void>;
}

/**
 * Starts one, with `more` secrets; what the publisher has on disk is below `home`. `start` is how the
 * Worker is started.
 */
export async function startPublishedMarketplace(
  home: string,
  more: Readonly<Record<string, string>> = {},
  start: (secrets: Record<string, string>) => Promise<LocalWorker> = startLocalWorker,
): Promise<PublishedMarketplace> {
  const trust = await createTrust({ now: new Date() });
  const worker = await start({ ...trust.secrets, ...more });
  const url = worker.url.href.replace(/\/$/, "");
  const token = trust.secrets.ADMIN_TOKEN;
  const rootFile = join(home, "root.json");
  await writeFile(rootFile, trust.root);
  const { root, targets, serviceKeys, policy, revocations } = trust;
  const files = { root, targets, serviceKeys, policy, revocations };
  const texts = Object.entries(files).map(([name, bytes]) => [name, base64(bytes)]);
  await postJson(`${url}/v1/trust`, Object.fromEntries(texts), { token, method: "PUT" });
  const publisherToken = await openAccount(url, token);
  const cli = cliOf({ home, url, token: publisherToken });
  await cli("keys", "new");
  await cli("keys", "enroll");
  return {
    url,
    rootFile,
    adminToken: token,
    worker,
    cli,
    async publish(name, version) {
      const folder = join(home, `${name.replace("/", "-")}-${version}`);
      await mkdir(folder);
      const rest = { main: "index.js", permissions: [], dependencies: {} };
      await writeFile(join(folder, "manifest.json"), JSON.stringify({ name, version, ...rest }));
      const code = `export default { methods: { version() { return "${version}"; } } };`;
      await writeFile(join(folder, "index.js"), code);
      await cli("deploy", folder);
    },
  };
}

async function openAccount(url: string, token: string): Promise<string> {
  await postJson(`${url}/v1/publishers`, { name: "acme", displayName: "Acme" }, { token });
  await postJson(`${url}/v1/scopes`, { scope: "@acme", publisher: "acme" }, { token });
  const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
  const permissions = ["publish", "yank", "keys"];
  const order = { publisher: "acme", scope: "@acme", permissions, expiresAt };
  return Token.parse(await postJson(`${url}/v1/tokens`, order, { token })).token;
}

function cliOf({ home, url, token }: { home: string; url: string; token: string }) {
  const own = { RISING_BSM_HOME: join(home, ".config"), RISING_BSM_URL: url };
  const options = { home, cwd: process.cwd(), env: { ...own, RISING_BSM_TOKEN: token } };
  return async function cli(...args: readonly string[]): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await runHere(args, options);
    if (code === 0) return z.record(z.string(), z.unknown()).parse(JSON.parse(stdout));
    throw new RbsmError("internal", `rising-bsm ${args.join(" ")}: ${stdout}${stderr}`);
  };
}
