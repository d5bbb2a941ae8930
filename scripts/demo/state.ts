import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";

/** What `npm start` keeps between starts; `.rbsm/demo.json` of the contract, mode 0600. */
const Demo = z.object({
  marketplace: z.string(),
  host: z.string(),
  adminToken: z.string(),
  publisherToken: z.string(),
  publisherKeyFile: z.string(),
  rootFile: z.string(),
  licenseKeys: z.record(z.string(), z.string()),
});
/** The shape of `.rbsm/demo.json`. */
export type Demo = z.output<typeof Demo>;

/** Writes a file whole or not at all: a crash leaves the old one or the new one. */
export async function writeWhole(file: string, text: string | Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const scratch = `${file}.${randomBytes(4).toString("hex")}`;
  const handle = await open(scratch, "w", 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await handle.close();
  await rename(scratch, file);
}

/** The files of one demo under its state directory. */
export function demoPaths(stateDir: string) {
  return {
    demoFile: join(stateDir, "demo.json"),
    trustDir: join(stateDir, "trust"),
    rootFile: join(stateDir, "trust", "roots", "1.root.json"),
    keyFile: join(stateDir, "publisher.key.json"),
    bundlesDir: join(stateDir, "bundles"),
    marketplaceDir: join(stateDir, "marketplace"),
    hostDir: join(stateDir, "host"),
    logs: join(stateDir, "logs"),
  } as const;
}

/** The demo that an earlier start wrote, or null. */
export async function readDemo(file: string): Promise<Demo | null> {
  const text = await readFile(file, "utf8").catch(() => null);
  return text === null ? null : Demo.parse(JSON.parse(text));
}

/** Creates the directory, after removing all that was there when `fresh`. */
export async function prepareState(stateDir: string, fresh: boolean): Promise<void> {
  if (fresh) await rm(stateDir, { recursive: true, force: true });
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
}
