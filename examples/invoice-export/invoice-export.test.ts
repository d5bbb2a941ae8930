import { createTestHost, type TestHost, type TestHostOptions } from "@rising-bsm/host-sdk/testing";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { buildExample } from "../../tests/build-example.ts";

const CSV = "https://host.test/invoices.csv";
const HEADER = "number;date;customer;address;vatNumber;text;hours;net;vat;gross\r\n";
const license = (...entitlements: string[]) => ({ entitlements, info: { state: "active" } });

let example: { bundle: Uint8Array };
let licensed: TestHost;
beforeAll(async () => {
  example = await buildExample("invoice-export");
  licensed = await createTestHost({ ...example, license: license("export") });
});
afterAll(() => licensed?.close());

let own: TestHost | undefined;
afterEach(async () => {
  await own?.close();
  own = undefined;
});

async function start(options: Partial<TestHostOptions> = {}): Promise<TestHost> {
  own = await createTestHost({ ...example, ...options });
  return own;
}

test("preview shows three lines and the sum of a month, without a license", async () => {
  const host = await start();
  expect(await host.call("preview", ["2026-09"])).toMatchObject({
    lines: [
      { number: "2026-00006", hours: 2, netCents: 13_600, vatCents: 2_584, grossCents: 16_184 },
      { number: "2026-00008" },
      { number: "2026-00010" },
    ],
    count: 6,
    grossCents: 72_828,
    license: "none",
  });
  expect(await host.call("preview", ["2031-01"])).toMatchObject({
    lines: [],
    count: 0,
    grossCents: 0,
  });
});

test("preview calculates with the rates of the settings", async () => {
  const host = await start({ config: { hourlyRate: 100, vatPercent: 0 } });
  expect(await host.call("preview", ["2026-09"])).toMatchObject({
    lines: [{ netCents: 20_000, vatCents: 0, grossCents: 20_000 }, {}, {}],
  });
});

test("exportCsv and the download say what is missing without a license", async () => {
  const host = await start();
  const answer = { licensed: false, missing: "export", lines: 0, csv: null };
  expect(await host.call("exportCsv", ["2026-09"])).toEqual(answer);
  const response = await host.request(new Request(CSV));
  expect(response.status).toBe(402);
  expect(await response.json()).toEqual({ error: "license", missing: "export" });
});

test("exportCsv writes every line of the month with a license", async () => {
  const { csv, ...answer } = Object(await licensed.call("exportCsv", ["2026-09"]));
  expect(answer).toEqual({ licensed: true, missing: null, lines: 6 });
  expect(csv.startsWith(HEADER)).toBe(true);
  expect(csv.split("\r\n")).toHaveLength(1 + 6 + 1);
  expect(csv).toContain(";2,00;136,00;25,84;161,84\r\n");
});

test("handleRequest downloads what exportCsv writes", async () => {
  const response = await licensed.request(new Request(`${CSV}?month=2026-09`));
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8");
  expect(response.headers.get("content-disposition")).toContain("invoices.csv");
  const { csv } = Object(await licensed.call("exportCsv", ["2026-09"]));
  expect(await response.text()).toBe(csv);
});

test("the layout datev needs an entitlement of its own", async () => {
  expect(await licensed.call("exportCsv", [null, "datev"])).toMatchObject({ missing: "datev" });
  const refused = await licensed.request(new Request(`${CSV}?layout=datev`));
  expect(refused.status).toBe(402);
  const host = await start({ license: license("export", "datev") });
  expect(await host.call("exportCsv", ["2026-09", "datev"])).toMatchObject({
    licensed: true,
    csv: expect.stringMatching(/^gross;number;date;customer;text\r\n/),
  });
});

test.each(["2026-13", "09/2026"])("a month %s is refused", async (month) => {
  await expect(licensed.call("preview", [month])).rejects.toMatchObject({
    code: "plugin_threw",
    message: expect.stringContaining(month),
  });
});

test.each(["appointments.view", "customers.view"])(
  "without %s preview fails with permission_denied",
  async (permission) => {
    const host = await start({ deny: [permission] });
    await expect(host.call("preview")).rejects.toMatchObject({ code: "permission_denied" });
    expect(host.denied()).toMatchObject([{ permission }]);
  },
);
