import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseJson, RbsmError, sha256Hex, utf8 } from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { configDir } from "../config-dir.ts";
import { textField } from "../json-field.ts";
import { systemCode, unreadable } from "../read-file.ts";
import { unwritable, writeFileAtomic } from "../write-file.ts";
import type { Connection } from "./request.ts";

const DEFAULT_URL = "https://plugins.rising-bsm.com";
const FILE_BYTES = 16 * 1024;

/** Which marketplace to talk to, and as whom. */
export interface Target {
  /** Origin and path without a trailing slash. */
  readonly url: string;
  readonly token: string | null;
  /** Where the token comes from: a file or an environment variable. */
  readonly source: string;
}

/** A target with a token. */
export interface SignedInTarget extends Target {
  readonly token: string;
}

/**
 * The marketplace: `--url`, else RISING_BSM_URL, else the one of the last login, else the public
 * one. The stored token goes to the marketplace it was stored for and to no other.
 */
export async function resolveTarget(cli: Cli, url: string | undefined): Promise<Target> {
  const stored = await readCredentials(cli.env);
  const chosen = checkUrl(url ?? (cli.env["RISING_BSM_URL"] || stored?.url || DEFAULT_URL));
  const ownToken = cli.env["RISING_BSM_TOKEN"];
  if (ownToken) return { url: chosen, token: ownToken, source: "RISING_BSM_TOKEN" };
  const token = stored?.url === chosen ? stored.token : null;
  return { url: chosen, token, source: credentialsPath(cli.env) };
}

/** Refuses a target that nobody signed in to. */
export function requireToken(target: Target): SignedInTarget {
  const { url, token, source } = target;
  if (token !== null) return { url, token, source };
  throw new RbsmError("auth_required", `You are not signed in to ${url}`, {
    fix: `run: rising-bsm login --url ${url} --token TOKEN, or set RISING_BSM_TOKEN`,
  });
}

/** The marketplace of a command that only somebody who signed in may run. */
export async function connect(cli: Cli, url: string | undefined): Promise<Connection> {
  return { ...requireToken(await resolveTarget(cli, url)), signal: cli.signal };
}

/** What the marketplace stores of a token instead of the token: fit to compare, not to sign in. */
export async function tokenFingerprint(token: string): Promise<string> {
  return await sha256Hex(utf8(token));
}

/** Stores the token of a marketplace, readable by this user only. */
export async function storeCredentials(
  env: NodeJS.ProcessEnv,
  target: { url: string; token: string },
): Promise<string> {
  const file = credentialsPath(env);
  await writeFileAtomic(
    file,
    `${JSON.stringify({ url: target.url, token: target.token })}\n`,
    0o600,
  );
  return file;
}

/** Removes the stored token; answers the marketplace it was for, or null when there was none. */
export async function removeCredentials(env: NodeJS.ProcessEnv): Promise<string | null> {
  const file = credentialsPath(env);
  // A file that is damaged goes as well: signing out is the way out of it.
  const stored = await readCredentials(env).catch(() => null);
  await rm(file, { force: true }).catch((error: unknown) => {
    throw unwritable(file, error);
  });
  return stored?.url ?? null;
}

/** Normalises a marketplace URL. A token must never travel in clear text past this machine. */
export function checkUrl(text: string): string {
  const url = URL.parse(text);
  const isLoopback = url !== null && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url?.protocol !== "https:" && !(url?.protocol === "http:" && isLoopback)) {
    throw new RbsmError("usage", `"${text}" is no marketplace URL`, {
      fix: "use https://…; http:// is allowed for this machine only",
    });
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function credentialsPath(env: NodeJS.ProcessEnv): string {
  return join(configDir(env), "credentials.json");
}

async function readCredentials(
  env: NodeJS.ProcessEnv,
): Promise<{ url: string; token: string } | null> {
  const file = credentialsPath(env);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return null;
    throw unreadable(file, error);
  });
  if (text === null) return null;
  const [url, token] = credentialFields(text);
  if (url !== undefined && token !== undefined) return { url, token };
  throw new RbsmError("usage", `${file} is not valid`, {
    fix: "run: rising-bsm logout, then login again",
  });
}

function credentialFields(text: string): [url?: string | undefined, token?: string | undefined] {
  try {
    const value = parseJson(text, { maxBytes: FILE_BYTES, code: "usage" });
    return [textField(value, "url"), textField(value, "token")];
  } catch {
    return [];
  }
}
