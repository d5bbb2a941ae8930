import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PluginHost } from "../host-sdk/host.ts";
import { openHost } from "../host-sdk/testing/host-fixture.ts";
import { type PublishedMarketplace, startPublishedMarketplace } from "./published-marketplace.ts";

const HELLO = "@acme/hello";

let home: string;
let market: PublishedMarketplace;
let wire: Wire;
let host: PluginHost;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "rbsm-check-"));
  market = await startPublishedMarketplace(home);
  await market.publish(HELLO, "1.0.0");
  wire = await startWire(Number(new URL(market.url).port));
  const root = await readFile(market.rootFile);
  host = await openHost({ url: wire.url, root, dataDir: join(home, "host"), updateCheckMs: 0 });
  await host.install(HELLO, { grant: "requested" });
  await host.checkForUpdates();
});
afterAll(async () => {
  await host.close();
  await wire.close();
  await market.worker.harness.close();
  await rm(home, { recursive: true });
});

/** A port that passes everything on to another one and counts. */
interface Wire {
  readonly url: string;
  /** Request lines and bytes, both ways, while `work` ran. */
  count(work: () => Promise<unknown>): Promise<{ requests: string[]; bytes: number }>;
  close(): Promise<void>;
}

async function startWire(port: number): Promise<Wire> {
  const sockets: Socket[] = [];
  let [sent, received] = ["", 0];
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    near.on("data", (bytes: Buffer) => (sent += bytes.toString("latin1")));
    far.on("data", (bytes: Buffer) => (received += bytes.length));
    for (const socket of [near, far]) socket.on("error", () => undefined);
    near.pipe(far).pipe(near);
    sockets.push(near, far);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const own = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${own}`,
    async count(work) {
      [sent, received] = ["", 0];
      await work();
      const requests = [...sent.matchAll(/^(?:GET|POST|PUT) (\S+) HTTP/gm)].map(
        ([, at]) => at ?? "",
      );
      return { requests, bytes: sent.length + received };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

test("an idle host's update check is one request of less than 1 KiB of the real marketplace", async () => {
  const idle = await wire.count(() => host.checkForUpdates());
  expect(idle.requests).toEqual(["/tuf/timestamp.json"]);
  expect(idle.bytes).toBeLessThan(1_024);
});

test("a new release of an installed plugin is found by what changed alone", async () => {
  await market.publish(HELLO, "1.1.0");
  const { requests } = await wire.count(async () => {
    expect(await host.checkForUpdates()).toMatchObject([{ plugin: HELLO, to: "1.1.0" }]);
  });
  const shapes = requests.map((path) =>
    path.replaceAll(/[0-9a-f]{64}|\d+(?=\.(?:snapshot|catalog))/g, "*"),
  );
  expect(shapes.slice(0, 5)).toEqual([
    "/tuf/timestamp.json",
    "/tuf/*.snapshot.json",
    "/tuf/*.catalog.json",
    "/log/checkpoint",
    expect.stringMatching(/^\/(?:tuf\/targets\/catalog|log\/tile)\//),
  ]);
  expect(shapes).toContain("/index/@acme/hello/*.json");
  const idle = await wire.count(() => host.checkForUpdates());
  expect(idle.requests).toContain("/tuf/timestamp.json");
  await host.update(HELLO, { acceptGrants: true });
  expect(await host.call(HELLO, "version")).toBe("1.1.0");
  expect((await wire.count(() => host.checkForUpdates())).requests).toEqual([
    "/tuf/timestamp.json",
  ]);
});

test("after an update check the real marketplace takes what the host reports, once", async () => {
  const root = await readFile(market.rootFile);
  const reporting = await openHost({
    url: market.url,
    root,
    dataDir: join(home, "reporting"),
    updateCheckMs: 50,
  });
  await reporting.install(HELLO, { grant: "requested" });
  const { DB } = await market.worker.marketplace.getEnv();
  const reports = async () => (await DB.prepare("SELECT plugins, day FROM beacons").all()).results;
  while ((await reports()).length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  await reporting.close();
  const today = Math.floor(Date.now() / 86_400_000);
  expect(await reports()).toEqual([{ plugins: JSON.stringify({ [HELLO]: "1.1.0" }), day: today }]);
});
