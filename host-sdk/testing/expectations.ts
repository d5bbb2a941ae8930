import { readdir, stat } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RbsmError } from "@rising-bsm/protocol";

/** Name of the plugin most tests are about. */
export const HELLO = "@acme/hello";

/** A plugin that uses storage, customers, logs and requests, and says which version it is. */
export const greeter = (version: string) => `export default class {
  async onInstall() { await this.api.storage.set("installed", "${version}"); }
  async onUpdate(from) { await this.api.storage.set("updated", from + " to ${version}"); }
  async onActivate(api) { api.log("info", "active ${version}"); }
  greet(name) { return "Hello " + name + " from ${version}"; }
  async stored(key) { return this.api.storage.get(key); }
  async customers() { return (await this.api.customers.list()).total; }
  handleRequest(request) { return { path: new URL(request.url).pathname, headers: [...request.headers.keys()] }; }
}`;

/** A plugin that cannot be activated. */
export const throwing = `export default { onActivate() { throw new Error("no luck today"); } };`;

/** How work ended, as the audit says it: `ok` or the code of the refusal. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "ok",
    (error: unknown) => (error instanceof RbsmError ? error.code : String(error)),
  );
}

/** Bundles that were downloaded whole. */
export async function bundlesOnDisk(dataDir: string): Promise<string[]> {
  const names = await readdir(join(dataDir, "bundles")).catch((): string[] => []);
  return names.filter((name) => name.endsWith(".rbsm"));
}

/** Breaks an answer off when what it has sent is on disk: what is on its way would be lost with it. */
export async function breakOffAt(
  response: ServerResponse,
  { part, size }: { readonly part: string; readonly size: number },
): Promise<void> {
  for (let tries = 0; tries < 1_000 && !response.destroyed; tries++) {
    const stored = await stat(part).catch(() => ({ size: 0 }));
    if (stored.size >= size) break;
    await sleep(2);
  }
  response.destroy();
}
