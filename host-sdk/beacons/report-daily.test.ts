import { type Beacon, BEACON_LIMITS, beaconSchema, verifyProof } from "@rising-bsm/protocol";
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PluginHost } from "../host.ts";
import type { HostOptions } from "../host-options.ts";
import { HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

const DAY_MS = 86_400_000;
const CHECK_MS = 10;

let fixture: HostFixture;
/** What arrived, with the key that signed it. */
let reports: { report: Beacon; jkt: string }[];
let registered: number;
/** How the marketplace answers the next reports; 204 when there is none. */
let answers: number[];
let time: number;

beforeEach(async () => {
  fixture = await createHostFixture();
  [reports, registered, answers] = [[], 0, []];
  time = Date.now();
  fixture.market.intercept((request, response) => {
    if (request.method !== "POST") return false;
    void receive(request, response);
    return true;
  });
  await fixture.market.publish({ name: HELLO, version: "1.0.0" });
});
afterEach(() => fixture.close());

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = Buffer.concat(await request.toArray());
  const proof = await verifyProof(String(request.headers["rbsm-proof"]), {
    method: "POST",
    url: `${fixture.market.url}${request.url}`,
    body,
    now: new Date(time),
    maxAgeS: 60,
  });
  if (request.url === "/v1/instances") {
    registered += 1;
    response.end(JSON.stringify({ instanceId: "known" }));
    return;
  }
  expect(request.url).toBe("/v1/beacons");
  const status = answers.shift() ?? 204;
  const report = beaconSchema.parse(JSON.parse(body.toString()));
  reports.push({ report, jkt: proof.instanceKeyJkt });
  const code = status === 401 ? "auth_proof_invalid" : "unavailable";
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(status === 204 ? undefined : JSON.stringify({ code, status, title: code }));
}

function open(options: Partial<HostOptions> = {}): Promise<PluginHost> {
  return fixture.open({ updateCheckMs: CHECK_MS, now: () => new Date(time), ...options });
}

/** Waits until the host has looked for updates so many times more. */
async function looks(times: number): Promise<void> {
  const seen = () =>
    fixture.market.requests.filter((path) => path === "/tuf/timestamp.json").length;
  const enough = seen() + times;
  while (seen() < enough) await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
}

const today = () => new Date(time).toISOString().slice(0, 10);
const days = () => reports.map(({ report }) => report.day);

test("what the host has is reported once a day, by its own key, whatever is restarted", async () => {
  const first = await open();
  await first.install(HELLO);
  await looks(3);
  expect(reports).toEqual([
    {
      report: { day: today(), plugins: [{ name: HELLO, version: "1.0.0" }] },
      jkt: expect.any(String),
    },
  ]);
  await first.close();
  await open();
  await looks(3);
  expect(days()).toEqual([today()]);
  time += DAY_MS;
  await looks(3);
  expect(days()).toHaveLength(2);
  expect(new Set(reports.map(({ jkt }) => jkt)).size).toBe(1);
});

test("that the last plugin is gone is told, once", async () => {
  const first = await open();
  await first.install(HELLO);
  await looks(3);
  await first.uninstall(HELLO);
  time += DAY_MS;
  answers = [503];
  await looks(3);
  time += DAY_MS;
  await looks(3);
  expect(reports.map(({ report }) => report.plugins.length)).toEqual([1, 0, 0]);
});

test.each<[string, Partial<HostOptions>, boolean]>([
  ["is switched off", { beacons: false }, true],
  ["has no plugins", {}, false],
  ["was opened for one operation", { runSchedules: false }, true],
])("nothing is sent by a host that %s", async (_, options, installs) => {
  const host = await open(options);
  if (installs) await host.install(HELLO);
  if (options.runSchedules === false) await host.checkForUpdates();
  else await looks(3);
  expect(reports).toEqual([]);
});

test("a plugin that this marketplace does not know is not named to it", async () => {
  const host = await open({ updateCheckMs: 0 });
  await host.install(HELLO);
  await fixture.market.publish({ name: "@acme/elsewhere", version: "1.0.0" });
  await host.install("@acme/elsewhere");
  await host.close();
  fixture.market.removeDocument("@acme/elsewhere");
  await open();
  await looks(3);
  expect(reports.map(({ report }) => report.plugins)).toEqual([
    [{ name: HELLO, version: "1.0.0" }],
  ]);
});

test("an instance that is not known becomes known first", async () => {
  answers = [401];
  const host = await open();
  await host.install(HELLO);
  await looks(3);
  expect([reports.length, registered]).toEqual([2, 1]);
});

test("a marketplace that takes no reports is asked a few times a day, and plugins run on", async () => {
  answers = Array.from({ length: 100 }, () => 503);
  const host = await open();
  await host.install(HELLO);
  await looks(BEACON_LIMITS.attempts + 3);
  expect(await host.call(HELLO, "version")).toBe("1.0.0");
  expect(reports).toHaveLength(BEACON_LIMITS.attempts);
  await host.close();
  await open();
  await looks(3);
  expect(reports).toHaveLength(BEACON_LIMITS.attempts);
});
