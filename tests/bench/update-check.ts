/**
 * What an idle host costs the marketplace, by the bytes that cross the wire in both directions, headers
 * and all; and how fast `log verify` computes a log, beside a bare loop over as many SHA-256.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { encodeLogEntry, formatVerifierKey, utf8 } from "@rising-bsm/protocol";
import { openHost } from "../../host-sdk/testing/host-fixture.ts";
import { createTestLog } from "../../host-sdk/testing/test-log.ts";
import { randomKey } from "../../host-sdk/testing/static-marketplace.ts";
import { createMarketplace } from "../../host-sdk/client/marketplace.ts";
import { QUIET_ENV, run } from "../../scripts/processes.ts";
import { startPublishedMarketplace } from "../published-marketplace.ts";
import { atMost, type Figure, percentile, ratio, report, timings } from "./measure.ts";

const DAY_MS = 86_400_000;
const ENTRIES = 10_000;

interface Meter {
  readonly url: string;
  readonly bytes: () => number;
  close(): void;
}

/** Passes connections on and counts what crosses. */
async function meter(target: URL): Promise<Meter> {
  let bytes = 0;
  const server = createServer((inside) => {
    const outside = connect(Number(target.port), target.hostname);
    inside.on("data", (chunk: Buffer) => void (bytes += chunk.length));
    outside.on("data", (chunk: Buffer) => void (bytes += chunk.length));
    inside.pipe(outside).pipe(inside);
    for (const socket of [inside, outside]) socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    bytes: () => bytes,
    close: () => void server.close(),
  };
}

async function updateChecks(folder: string): Promise<Figure[]> {
  const market = await startPublishedMarketplace(folder);
  await market.publish("@acme/hello", "1.0.0");
  const wire = await meter(market.worker.url);
  const { send } = createMarketplace({ url: wire.url });
  let requests = 0;
  const host = await openHost({
    dataDir: join(folder, "host"),
    url: wire.url,
    root: await readFile(market.rootFile),
    marketplace: {
      url: wire.url,
      root: await readFile(market.rootFile),
      send: (request) => ((requests += 1), send(request)),
    },
  });
  await host.install("@acme/hello", { grant: "requested" });
  const install = { requests, bytes: wire.bytes() };
  async function check(): Promise<{ requests: number; bytes: number }> {
    const before = { requests, bytes: wire.bytes() };
    await host.checkForUpdates();
    return { requests: requests - before.requests, bytes: wire.bytes() - before.bytes };
  }
  const idle = await check();
  await market.worker.marketplace.scheduled({ scheduledTime: new Date(Date.now() + 1.5 * DAY_MS) });
  const signed = await check();
  await host.close();
  wire.close();
  await market.worker.harness.close();
  const baseline = `installation: ${install.requests} requests, ${install.bytes} bytes`;
  const figure = (name: string, cost: typeof idle, most: typeof idle): Figure => ({
    name,
    value: `${cost.requests} requests, ${cost.bytes} bytes`,
    baseline,
    ratio: ratio(cost.bytes, install.bytes),
    goal: `≤ ${most.requests} requests, < ${most.bytes} bytes`,
    met: cost.requests <= most.requests && cost.bytes < most.bytes ? "yes" : "no",
  });
  return [
    figure("update check, nothing new", idle, { requests: 1, bytes: 1_024 }),
    figure("update check after the daily signing", signed, { requests: 2, bytes: 4_096 }),
  ];
}

/** A log as a folder has it, with its verifier key. */
async function writeLog(folder: string): Promise<string> {
  const key = await randomKey();
  const statement = "c".repeat(64);
  const entries = Array.from({ length: ENTRIES }, (_, at) =>
    encodeLogEntry({ type: "release", plugin: "@acme/hello", version: `1.0.${at}`, statement }),
  );
  const log = await createTestLog("example.com/log", key, entries);
  for (const [path, bytes] of await log.files()) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return formatVerifierKey({ name: log.origin, publicKey: key.publicKey, role: "log" });
}

/** As many hashes as a log has leaves and nodes. */
function bareHashes(): void {
  const [leaf, node] = [utf8("x".repeat(150)), utf8("x".repeat(65))];
  for (let at = 0; at < ENTRIES; at += 1) {
    createHash("sha256").update(leaf).digest();
    createHash("sha256").update(node).digest();
  }
}

async function logVerify(folder: string): Promise<Figure> {
  const log = join(folder, "log-files");
  const key = await writeLog(log);
  const env = { ...QUIET_ENV, RISING_BSM_HOME: join(folder, ".config") };
  async function verify(): Promise<void> {
    const { code, output } = await run(
      "rising-bsm",
      ["log", "verify", "--url", log, "--key", key],
      env,
    );
    if (code !== 0) throw new Error(output);
  }
  const ours = percentile(await timings(verify, 5, 1), 0.5);
  const bare = percentile(await timings(bareHashes, 5, 1), 0.5);
  return {
    name: `log verify of ${ENTRIES} entries, the whole process`,
    value: `${ours.toFixed(0)} ms, ${Math.round((ENTRIES / ours) * 1_000)} entries/s`,
    baseline: `${2 * ENTRIES} bare SHA-256: ${bare.toFixed(0)} ms`,
    ratio: ratio(ours, bare),
    ...atMost(ours, 5_000, "ms"),
  };
}

const folder = await mkdtemp(join(tmpdir(), "rbsm-bench-"));
const figures = [...(await updateChecks(folder)), await logVerify(folder)];
await rm(folder, { recursive: true });
report(figures);
