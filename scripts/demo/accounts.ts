import { existsSync } from "node:fs";
import { z } from "zod";
import { rememberDemo, runCli } from "./cli.ts";
import { postJson } from "./http.ts";
import type { Marketplace, Step } from "./launch.ts";
import { readDemo } from "./state.ts";

/** The demo publisher's way in: a token for its scope and an enrolled signing key. */
export interface Accounts {
  readonly publisherToken: string;
  readonly keyFile: string;
}

/** Scope that every example plugin is published under. */
const SCOPE = "@demo";
const Token = z.object({ token: z.string() });

/** Publisher, scope, token and enrolled key; what an earlier start made is used again. */
export async function createAccounts(
  input: Pick<Step, "paths" | "say"> & { marketplace: Marketplace },
): Promise<Accounts> {
  const { marketplace, paths, say } = input;
  const known = await readDemo(paths.demoFile);
  const accounts = {
    keyFile: paths.keyFile,
    publisherToken: known?.publisherToken ?? (await openAccount(marketplace)),
  };
  if (known === null) say("Accounts: publisher, scope and token created");
  if (!existsSync(paths.keyFile))
    await runCli(["keys", "new", "--out", paths.keyFile], accounts, marketplace.url);
  await runCli(["keys", "enroll", "--key", paths.keyFile], accounts, marketplace.url);
  await rememberDemo(paths, { marketplace, accounts });
  say("Accounts: signing key enrolled with proof of possession");
  return accounts;
}

async function openAccount({ url, adminToken }: Marketplace): Promise<string> {
  const asAdmin = { token: adminToken, accept: 409 };
  await postJson(`${url}/v1/publishers`, { name: "demo", displayName: "Demo publisher" }, asAdmin);
  await postJson(`${url}/v1/scopes`, { scope: SCOPE, publisher: "demo" }, asAdmin);
  const expiresAt = new Date(Date.now() + 365 * 86_400_000).toISOString();
  const permissions = ["publish", "yank", "licenses", "keys"];
  const token = await postJson(
    `${url}/v1/tokens`,
    { publisher: "demo", scope: SCOPE, permissions, expiresAt },
    asAdmin,
  );
  return Token.parse(token).token;
}
