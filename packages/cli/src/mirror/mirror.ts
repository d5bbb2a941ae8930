import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  type Catalogue,
  createMarketplace,
  type MarketplaceReader,
  openMarketplaceReader,
  type Send,
} from "@rising-bsm/host-sdk";
import {
  LOG_LIMITS,
  openCheckpoint,
  type OpenedCheckpoint,
  parseJson,
  RbsmError,
  sha256Hex,
} from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { jsonField } from "../json-field.ts";
import { demandConsistency, logKeysOf, logStateDir } from "../log/log-access.ts";
import { createLogSource } from "../log/log-source.ts";
import { replayLog } from "../log/replay-log.ts";
import { marketplaceAddress } from "../marketplace/address.ts";
import { readRootFile } from "../marketplace/root-file.ts";
import type { Report } from "../report.ts";
import {
  type ChosenRelease,
  chooseReleases,
  type LeftOut,
  type MirrorRequest,
  parseRequest,
  refusalOf,
} from "./choose-releases.ts";
import { type CopyingSend, createCopyingSend } from "./copying-send.ts";
import {
  openMirrorFolder,
  placeFiles,
  readRequests,
  removeOthers,
  sizeOf,
  timestampVersion,
  withStaging,
  writeRequests,
} from "./mirror-folder.ts";

/** What to mirror from where. */
export interface MirrorOptions {
  readonly url?: string;
  readonly root: string;
  readonly allVersions?: boolean;
  /** Also the log's entries, not only its hashes. */
  readonly withLog?: boolean;
  /** Remove what is neither asked for nor needed. */
  readonly prune?: boolean;
  readonly acceptStale?: boolean;
}

/** `mirror DIR`: the files that a host needs for some plugins, each verified as the host will. */
export async function mirror(
  cli: Cli,
  names: { readonly folder: string; readonly plugins: readonly string[] },
  options: MirrorOptions,
): Promise<Report> {
  const order: Order = {
    cli,
    options,
    plugins: names.plugins,
    folder: resolve(cli.cwd, names.folder),
    url: await marketplaceAddress(cli, options.url),
    root: await readRootFile(resolve(cli.cwd, options.root)),
  };
  await openMirrorFolder(order.folder);
  const requests = await requestsOf(order);
  return await withStaging(order.folder, async (staging) => {
    const copy = await readWhole({ ...order, requests }, staging);
    const fresh = [...copy.files].flatMap(([path, from]) => (from === "new" ? [path] : []));
    await writeRequests(order.folder, new Map(requests.map((one) => [one.name, one.version])));
    await placeFiles(order.folder, staging, fresh);
    const removed = options.prune === true ? await removeOthers(order.folder, copy.files) : 0;
    return await reportOf(order, copy, { fresh: fresh.length, removed });
  });
}

interface Order {
  readonly cli: Cli;
  readonly options: MirrorOptions;
  readonly plugins: readonly string[];
  readonly folder: string;
  readonly url: string;
  readonly root: Uint8Array;
}

/** An order, and all that the mirror is for. */
interface WholeOrder extends Order {
  readonly requests: readonly MirrorRequest[];
}

/** What is named now, and without `--prune` what earlier runs named. */
async function requestsOf({ folder, plugins, options }: Order): Promise<MirrorRequest[]> {
  const named = plugins.map(parseRequest);
  const earlier = options.prune === true ? [] : [...(await readRequests(folder))];
  const others = earlier
    .filter(([name]) => !named.some((one) => one.name === name))
    .map(([name, version]) => ({ name, version, isNeeded: false }));
  if (named.length + others.length > 0) return [...named, ...others];
  throw new RbsmError("usage", "no plugin is named", { fix: "name some: @scope/name" });
}

/** Everything the mirror will consist of, verified. */
interface Copy {
  readonly files: CopyingSend["copied"];
  readonly releases: readonly CopiedRelease[];
  readonly leftOut: readonly LeftOut[];
  readonly catalogue: Catalogue;
  readonly head: OpenedCheckpoint;
}

interface CopiedRelease {
  readonly plugin: string;
  readonly version: string;
  /** False for a paid plugin: its bundle is granted to an instance, never to a mirror. */
  readonly bundle: boolean;
}

/** What lies in the mirror is used again; when it does not verify, all is read anew. */
async function readWhole(order: WholeOrder, staging: string): Promise<Copy> {
  try {
    return await readCopy(order, staging, createMarketplace({ url: order.folder }).send);
  } catch (error) {
    const isDamage =
      error instanceof RbsmError && /^(?:trust_|bundle_|network_bad)/.test(error.code);
    if (!isDamage || (await timestampVersion(order.folder)) === 0) throw error;
    if (["trust_log_fork", "trust_rollback"].includes(error.code)) throw error;
    order.cli.note(`${error.code}: ${error.message}; reading everything anew`);
    await rm(staging, { recursive: true, force: true });
    return await readCopy(order, staging, null);
  }
}

async function readCopy(order: WholeOrder, staging: string, mirrored: Send | null): Promise<Copy> {
  const { cli, url, root, options } = order;
  const source = createMarketplace({ url, signal: cli.signal });
  const copying = createCopyingSend({ marketplace: source.send, mirror: mirrored, staging });
  const dataDir = join(staging, ".state");
  const reader = await openMarketplaceReader({ url, root, dataDir, send: copying.send });
  await addAnchor(copying, root);
  const catalogue = await reader.refresh({ acceptStale: options.acceptStale });
  await refuseOlder(order, staging);
  const { releases, leftOut } = await copyReleases(order, { reader, catalogue });
  const head = await copyLog(order, { reader, catalogue });
  return { files: copying.copied, releases, leftOut, catalogue, head };
}

/** A host may be given the same root; the chain that it asks for begins after it. */
async function addAnchor(copying: CopyingSend, root: Uint8Array): Promise<void> {
  const limits = { maxBytes: root.length, code: "trust_root_invalid" } as const;
  const version = jsonField(jsonField(parseJson(root, limits), "signed"), "version");
  await copying.add(`/tuf/${String(version)}.root.json`, root);
}

async function refuseOlder({ folder }: Order, staging: string): Promise<void> {
  const [before, now] = [await timestampVersion(folder), await timestampVersion(staging)];
  if (now >= before) return;
  const message = `The marketplace shows version ${now} of its timestamp; the mirror has ${before}`;
  const fix = "Ask again later; the mirror stays as it is.";
  throw new RbsmError("trust_rollback", message, { fix });
}

interface Reading {
  readonly reader: MarketplaceReader;
  readonly catalogue: Catalogue;
}

async function copyReleases(
  { cli, options, requests }: WholeOrder,
  { reader, catalogue }: Reading,
): Promise<{ releases: CopiedRelease[]; leftOut: LeftOut[] }> {
  const all = options.allVersions === true;
  const { chosen, leftOut } = await chooseReleases({ reader, catalogue }, requests, all);
  const releases: CopiedRelease[] = [];
  for (const release of chosen) {
    const copied = await copyRelease(reader, catalogue, release);
    if ("code" in copied) leftOut.push(copied);
    else releases.push(copied);
    const said = "code" in copied ? `left out: ${copied.message}` : note(copied);
    cli.note(`${release.name}@${release.version} ${said}`);
  }
  return { releases, leftOut };
}

function note({ bundle }: CopiedRelease): string {
  return bundle ? "copied" : "copied without its bundle, which is granted to instances only";
}

async function copyRelease(
  reader: MarketplaceReader,
  catalogue: Catalogue,
  release: ChosenRelease,
): Promise<CopiedRelease | LeftOut> {
  const named = { plugin: release.name, version: release.version };
  try {
    const checked = await reader.check(catalogue, release);
    if (!release.entry.paid) await reader.download(release, checked);
    return { ...named, bundle: !release.entry.paid };
  } catch (error) {
    if (release.isNeeded) throw error;
    return { ...named, ...refusalOf(error) };
  }
}

/** The checkpoint that the reader has verified, the tiles that lead to it, and maybe the entries. */
async function copyLog(
  { cli, url, root, options }: Order,
  { reader: { marketplace }, catalogue }: Reading,
): Promise<OpenedCheckpoint> {
  const keys = logKeysOf(catalogue.serviceKeys);
  const note = await marketplace.getBytes("/log/checkpoint", LOG_LIMITS.noteBytes);
  const head = await openCheckpoint(note, keys);
  const source = createLogSource(marketplace);
  const entries = options.withLog === true ? { onEntry: () => [] } : {};
  await replayLog({ source, from: 0, head, ...entries });
  const stateDir = await logStateDir(cli, await sha256Hex(root), url);
  await demandConsistency({ stateDir, files: marketplace, keys }, head);
  return head;
}

async function reportOf(
  { folder, url }: Order,
  { files, releases, leftOut, catalogue, head }: Copy,
  { fresh, removed }: { readonly fresh: number; readonly removed: number },
): Promise<Report> {
  const bytes = await sizeOf(folder, files.keys());
  const counts = { total: files.size, new: fresh, removed, bytes };
  const { signedAt } = catalogue;
  const log = { origin: head.origin, size: head.size };
  const lines = [
    `${folder} mirrors ${releases.length} releases of ${url}`,
    `  files    ${files.size}, ${fresh} of them new, ${removed} removed; ${bytes} bytes`,
    `  log      ${head.size} entries`,
    `  signed   ${signedAt}; hosts install from it for 7 days from then`,
    ...leftOut.map(({ plugin, version, message }) => `  without  ${plugin}@${version}: ${message}`),
  ];
  return {
    data: { folder, url, signedAt, releases, leftOut, files: counts, log },
    text: lines.join("\n"),
  };
}
