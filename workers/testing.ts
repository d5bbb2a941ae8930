import {
  applyD1Migrations,
  createExecutionContext,
  reset,
  waitOnExecutionContext,
} from "cloudflare:test";
import type { D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";
import {
  base64url,
  packBundle,
  proveKeyPossession,
  signBundle,
  signingKeyFromSeed,
  splitPluginName,
  utf8,
} from "@rising-bsm/protocol";
import type { Envelope, SigningKey } from "@rising-bsm/protocol";
import { z } from "zod";
import { respond } from "./app.ts";
import type { Bindings } from "./env.ts";

declare global {
  namespace Cloudflare {
    interface Env extends Bindings {
      readonly DB_MIGRATIONS: D1Migration[];
      readonly SEARCH_MIGRATIONS: D1Migration[];
    }
  }
}

const RESETS = 10;

/** Empty databases and buckets; for `beforeAll`. */
export async function resetMarketplace(): Promise<void> {
  await reset();
  // What an earlier file began can outlive the reset.
  for (let resets = 1; !(await areEmpty()); resets++) {
    if (resets === RESETS) throw new Error("What an earlier test stored is still there");
    await reset();
  }
  await applyD1Migrations(env.DB, env.DB_MIGRATIONS);
  await applyD1Migrations(env.SEARCH, env.SEARCH_MIGRATIONS);
}

async function areEmpty(): Promise<boolean> {
  const query = "SELECT count(*) AS tables FROM sqlite_master WHERE name = 'd1_migrations'";
  const [main, search] = await Promise.all(
    [env.DB, env.SEARCH].map((database) => database.prepare(query).first<number>("tables")),
  );
  const { objects } = await env.BUNDLES.list({ limit: 1 });
  return main === 0 && search === 0 && objects.length === 0;
}

export const ORIGIN = "https://marketplace.test";

/** One request through the whole Worker; waits for what the Worker does after its answer. */
export async function call(
  path: string,
  init: RequestInit = {},
  bindings: Bindings = env,
): Promise<Response> {
  const context = createExecutionContext();
  const response = await respond(new Request(new URL(path, ORIGIN), init), bindings, context);
  await waitOnExecutionContext(context);
  return response;
}

/** A JSON request with a bearer token; the administrator's when none is given. */
export function send(
  method: string,
  path: string,
  options: { body?: unknown; token?: string; once?: string; bindings?: Bindings } = {},
): Promise<Response> {
  const { body, token = env.ADMIN_TOKEN, once, bindings = env } = options;
  const headers = {
    Authorization: `Bearer ${token}`,
    "Content-Type": "application/json",
    ...(once === undefined ? {} : { "Idempotency-Key": once }),
  };
  const init = body === undefined ? { headers } : { headers, body: JSON.stringify(body) };
  return call(path, { method, ...init }, bindings);
}

/** Status and code of an answer: what a caller acts on. */
export async function refusal(response: Response): Promise<[number, string]> {
  const { code } = z.looseObject({ code: z.string() }).parse(await response.json());
  return [response.status, code];
}

export interface Account {
  readonly publisher: string;
  readonly scope: string;
  /** Token with every permission that a publisher's token can have, but not on review. */
  readonly token: string;
  readonly key: SigningKey;
}

/** A publisher with one scope, a token and an enrolled key, made through the API. */
export async function createAccount(name: string): Promise<Account> {
  const scope = `@${name}`;
  await expectOk(send("POST", "/v1/publishers", { body: { name, displayName: name } }));
  await expectOk(send("POST", "/v1/scopes", { body: { scope, publisher: name } }));
  const token = await createToken({ publisher: name });
  const key = await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
  await enrollKey({ token, key });
  return { publisher: name, scope, token, key };
}

export async function createToken(body: {
  publisher: string;
  scope?: string;
  permissions?: string[];
  expiresAt?: string;
}): Promise<string> {
  const permissions = ["publish", "yank", "licenses", "keys", "tokens"];
  const response = await expectOk(send("POST", "/v1/tokens", { body: { permissions, ...body } }));
  return z.object({ token: z.string() }).parse(await response.json()).token;
}

export async function enrollKey({
  token,
  key,
  statement,
  bindings = env,
}: Pick<Account, "token" | "key"> & {
  statement?: Envelope;
  bindings?: Bindings;
}): Promise<void> {
  const answer = await expectOk(send("POST", "/v1/keys/challenge", { token, body: {} }));
  const { challenge } = z.object({ challenge: z.string() }).parse(await answer.json());
  const signature = await proveKeyPossession(key, challenge);
  const body = { publicKey: base64url(key.publicKey), challenge, signature, statement };
  await expectOk(send("POST", "/v1/keys", { token, body, bindings }));
}

async function expectOk(pending: Promise<Response>): Promise<Response> {
  const response = await pending;
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response;
}

/** A signed bundle; the manifest is the smallest valid one with these keys added. */
export async function buildBundle(
  key: SigningKey,
  manifest: { name: string; version?: string; [key: string]: unknown },
  files: Record<string, string | Uint8Array> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const whole = {
    version: "1.0.0",
    main: "index.js",
    permissions: [],
    dependencies: {},
    ...manifest,
  };
  const content = { "index.js": "export default class {}\n", ...files };
  const entries = new Map(
    Object.entries(content).map(([name, file]): [string, Uint8Array] => [
      name,
      typeof file === "string" ? utf8(file) : file,
    ]),
  );
  entries.set("manifest.json", utf8(JSON.stringify(whole)));
  return packBundle(await signBundle(entries, key));
}

/** Uploads a bundle as the version its URL names. */
export function publish(
  { name, version }: { name: string; version: string },
  bundle: Uint8Array<ArrayBuffer>,
  { token, bindings = env }: { token: string; bindings?: Bindings },
): Promise<Response> {
  splitPluginName(name);
  const headers = { Authorization: `Bearer ${token}`, "Content-Length": String(bundle.length) };
  const path = `/v1/plugins/${name}/versions/${encodeURIComponent(version)}`;
  return call(path, { method: "PUT", headers, body: bundle }, bindings);
}
