import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { base64url, signingKeyFromSeed, type SigningKey } from "@rising-bsm/protocol";
import { createMarketplace } from "../client/marketplace.ts";
import type { HostStore } from "../store/host-store.ts";
import { createSqliteStore } from "../store/sqlite-store.ts";
import { openInstanceKey } from "./instance-key.ts";
import { LicenseKeeper } from "./license-keeper.ts";
import type { LicenseEvent } from "./license-news.ts";
import { createLicenseRows } from "./license-rows.ts";
import { openLicenses } from "./licenses.ts";
import { createSampleLicenseServer, type SampleLicenseServer } from "./sample-license-server.ts";

/** The plugin that the sample server sells. */
export const PLUGIN = "@demo/invoices";
export const LICENSE_KEY = "RBSM-0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV-WXYZ";
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const NOON = Date.UTC(2026, 9, 10, 12);

/** What a test may set for one host process. */
export interface ProcessOptions {
  /** The lease keys that the trust metadata lists at each moment; the server's first one. */
  readonly leaseKeys?: () => readonly SigningKey[];
  readonly refreshKeys?: () => Promise<unknown>;
  readonly wrapStore?: (store: HostStore) => HostStore;
  /** Which start of the machine the counter runs since. */
  readonly boot?: string;
  readonly publishedAt?: number;
  /** Below the data directory, for a copy of a host or another one on the same store. */
  readonly keyFolder?: string;
}

/** A sample marketplace, a data directory and the clocks. */
export interface LicenseFixture {
  readonly dataDir: string;
  readonly server: SampleLicenseServer;
  /** The server's true time, and the host's two clocks. */
  readonly time: { server: number; system: number; monotonic: number };
  /** Lets the same time pass on every clock. */
  pass(ms: number): void;
  /** A host process: what it knows is on disk, and a second one starts from there. */
  start(options?: ProcessOptions): Promise<LicenseProcess>;
  /** The same after an activation. */
  startActivated(options?: ProcessOptions): Promise<LicenseProcess>;
  /** The process ends and another one starts: a counter of its own begins anew. */
  restart(options?: ProcessOptions): Promise<LicenseProcess>;
  close(): Promise<void>;
}

/** A host's licensing in one process. */
export type LicenseProcess = Awaited<ReturnType<typeof startProcess>>;

/** A key of random bytes. */
export function randomSigningKey(): Promise<SigningKey> {
  return signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
}

/** Makes the folder and the marketplace. */
export async function createLicenseFixture(): Promise<LicenseFixture> {
  const dataDir = await mkdtemp(join(tmpdir(), "licenses-"));
  const time = { server: NOON, system: NOON, monotonic: 1_000 };
  const leaseKey = await randomSigningKey();
  const server = createSampleLicenseServer(leaseKey, () => time.server);
  const opened: HostStore[] = [];
  const start = async (options: ProcessOptions = {}) => {
    const inner = createSqliteStore(join(dataDir, "host.db"));
    opened.push(inner);
    const store = options.wrapStore?.(inner) ?? inner;
    return startProcess({ leaseKeys: () => [leaseKey], ...options, dataDir, store, server, time });
  };
  return {
    dataDir,
    server,
    time,
    start,
    pass(ms) {
      time.server += ms;
      time.system += ms;
      time.monotonic += ms;
    },
    async startActivated(options) {
      const host = await start(options);
      await host.licenses.activate(PLUGIN, LICENSE_KEY);
      return host;
    },
    async restart(options) {
      if (options?.boot === undefined) time.monotonic = 5;
      return start(options);
    },
    async close() {
      for (const store of opened) await store.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

type Started = ProcessOptions &
  Required<Pick<ProcessOptions, "leaseKeys">> &
  Pick<LicenseFixture, "dataDir" | "server" | "time"> & { readonly store: HostStore };

async function startProcess(options: Started) {
  const { store, server, time, leaseKeys, boot, refreshKeys } = options;
  const key = await openInstanceKey(join(options.dataDir, options.keyFolder ?? ""));
  const readClock = () => ({ system: time.system, monotonic: time.monotonic, boot });
  const { licenses, problems } = await openLicenses({
    store,
    server: createMarketplace({ url: server.url, fetch: server.fetch, backOffMs: 1 }),
    key,
    leaseKeys: async () => leaseKeys().map(listed),
    ...(refreshKeys === undefined ? {} : { refreshKeys }),
    readClock,
    jitter: () => 0.5,
  });
  const warnings: string[] = [];
  const events: LicenseEvent[] = [];
  const log = (message: string) => void warnings.push(message);
  const keeper = new LicenseKeeper({
    licenses,
    rows: createLicenseRows(store, key.keyId),
    isInstalled: () => true,
    publishedAt: () => options.publishedAt,
    readClock,
    logger: { info: log, warn: log, error: log },
  });
  keeper.on((event) => void events.push(event));
  return { licenses, problems, store, key, keeper, events, warnings };
}

function listed({ keyId, publicKey }: SigningKey) {
  return { kid: keyId, publicKey: base64url(publicKey), from: "2026-01-01T00:00:00Z" };
}
