import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  createPluginHost,
  createSimulatedDomain,
  createSqliteStore,
  type HostOptions,
  type PluginHost,
} from "@rising-bsm/host-sdk";
import { RbsmError } from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { marketplaceAddress } from "../marketplace/address.ts";
import { readRootFile } from "../marketplace/root-file.ts";

/** Which host to work on, and the marketplace that it trusts. */
export interface HostAddress {
  readonly dataDir: string;
  readonly url?: string;
  readonly root?: string;
}

/**
 * Opens the data directory of a host with the embedded store, does one thing and closes it again.
 * It takes the directory's lock, so the host itself must not run at the time. Plugins that start
 * while it is open meet the simulated business, not the application's data.
 */
export async function withHost<T>(
  cli: Cli,
  address: HostAddress,
  work: (host: PluginHost) => Promise<T>,
): Promise<T> {
  const dataDir = await dataDirOf(cli, address);
  return await openFor({ dataDir, marketplace: await marketplaceOf(cli, address) }, work);
}

/** The same for work that asks the marketplace; the root is the one that the host has known first. */
export async function withKnownMarketplace<T>(
  cli: Cli,
  address: HostAddress,
  work: (host: PluginHost) => Promise<T>,
): Promise<T> {
  const dataDir = await dataDirOf(cli, address);
  const root = await rootOf(cli, { ...address, dataDir });
  const url = await marketplaceAddress(cli, address.url);
  return await openFor({ dataDir, marketplace: { url, root } }, work);
}

/**
 * The same for work with a file that was carried in: no network call leaves it, and the root is the
 * one that the host has known first unless another is named.
 */
export async function withCarriedHost<T>(
  cli: Cli,
  address: Omit<HostAddress, "url">,
  work: (host: PluginHost) => Promise<T>,
): Promise<T> {
  const dataDir = await dataDirOf(cli, address);
  const root = await rootOf(cli, { ...address, dataDir });
  return await openFor({ dataDir, marketplace: { url: NOWHERE, root, send: refuse } }, work);
}

/** No request goes there. */
const NOWHERE = "http://localhost";

async function refuse(): Promise<never> {
  throw new RbsmError("network_unreachable", "A file is imported without the network");
}

async function rootOf(
  cli: Cli,
  { dataDir, root }: Pick<HostAddress, "dataDir" | "root">,
): Promise<Uint8Array> {
  return root === undefined ? await firstRoot(dataDir) : await readRootFile(resolve(cli.cwd, root));
}

async function firstRoot(dataDir: string): Promise<Uint8Array> {
  const folder = join(dataDir, "tuf", "roots");
  const names = await readdir(folder).catch((): string[] => []);
  const versions = names.flatMap((name) => /^(\d+)\.root\.json$/.exec(name)?.[1] ?? []);
  const [first] = versions.map(Number).sort((a, b) => a - b);
  if (first !== undefined) return await readRootFile(join(folder, `${first}.root.json`));
  throw rootMissing();
}

async function dataDirOf(cli: Cli, address: Pick<HostAddress, "dataDir">): Promise<string> {
  const dataDir = resolve(cli.cwd, address.dataDir);
  const isFolder = await stat(dataDir)
    .then((info) => info.isDirectory())
    .catch(() => false);
  if (isFolder) return dataDir;
  throw new RbsmError("usage", `${dataDir} is no folder`, {
    fix: `name the host's folder; for a new host make one: mkdir -p -m 700 ${dataDir}`,
  });
}

type Marketplace = HostOptions["marketplace"];

async function openFor<T>(
  { dataDir, marketplace }: Pick<HostOptions, "dataDir"> & { marketplace: Marketplace | undefined },
  work: (host: PluginHost) => Promise<T>,
): Promise<T> {
  const host = await createPluginHost({
    runSchedules: false,
    dataDir,
    store: createSqliteStore(join(dataDir, "host.sqlite")),
    domain: await createSimulatedDomain(),
    ...(marketplace === undefined ? {} : { marketplace }),
  });
  try {
    return await work(host);
  } finally {
    await host.close();
  }
}

/** Refuses an address that names no trust root, for work that needs the marketplace. */
export function requireRoot(address: HostAddress): void {
  if (address.root === undefined) throw rootMissing();
}

function rootMissing(): RbsmError {
  return new RbsmError("usage", "the marketplace's trust root is missing", {
    fix: "pass --root FILE: the root.json that the marketplace's operator gave you",
  });
}

async function marketplaceOf(
  cli: Cli,
  address: HostAddress,
): Promise<HostOptions["marketplace"] | undefined> {
  if (address.root === undefined) return undefined;
  const url = await marketplaceAddress(cli, address.url);
  return { url, root: await readRootFile(resolve(cli.cwd, address.root)) };
}
