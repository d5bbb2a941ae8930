import { buildPlugin } from "@rising-bsm/cli";
import { createTestHost, type TestHost, type TestHostOptions } from "@rising-bsm/host-sdk/testing";
import type { Json } from "@rising-bsm/protocol";
import { afterEach, expect, test, vi } from "vitest";

// The examples as the CLI builds them, in the production sandbox, over the simulated business.

const NOW = Date.parse("2026-10-05T07:00:00Z");
const hosts: TestHost[] = [];
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()));
});

async function bundleOf(name: string): Promise<{ bundle: Uint8Array }> {
  const { bytes } = await buildPlugin(new URL(`../examples/${name}`, import.meta.url).pathname);
  return { bundle: bytes };
}

type World = Partial<Pick<TestHostOptions, "deny" | "grant" | "config" | "license" | "plugins">>;

async function start(name: string, world: World = {}): Promise<TestHost> {
  const host = await createTestHost({ ...(await bundleOf(name)), now: NOW, ...world });
  hosts.push(host);
  return host;
}

/** What the application itself shows, read past the plugin. */
function read(host: TestHost, method: Parameters<TestHost["domain"]["call"]>[0], ...args: Json[]) {
  return host.domain.call(method, args, { plugin: "test", actorId: null });
}

function write(host: TestHost, method: Parameters<TestHost["domain"]["call"]>[0], input: Json) {
  return host.domain.call(method, [input], { plugin: "test", actorId: null });
}

test("hello answers as the seed says and logs that it started", async () => {
  const host = await start("hello");
  const response = await host.request(new Request("https://host.test/"));
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ message: "Hello from plugin!" });
  expect(host.logs()).toMatchObject([{ level: "info", message: "Plugin activated" }]);
  await expect(host.call("onActivate")).rejects.toMatchObject({ code: "plugin_not_found" });
});

test("duplicate-finder finds the customer that was entered twice", async () => {
  const host = await start("duplicate-finder");
  const pairs = [
    { ids: [10, 20], names: ["Jürgen Müller", "Mueller Juergen"], reasons: ["email", "name"] },
  ];
  expect(await host.call("known")).toEqual([]);
  expect(await host.call("find")).toEqual(pairs);
  expect(await host.call("known")).toEqual(pairs);
  expect(await host.call("check", [10])).toEqual(pairs);
  expect(await host.call("check", [1])).toEqual([]);
  expect(host.denied()).toEqual([]);
});

test("duplicate-finder reports a new customer that exists already, once", async () => {
  const host = await start("duplicate-finder");
  const stranger = await write(host, "customers.create", { name: "Somebody New", city: "Graz" });
  await host.hook("customers.created", { at: "", origin: null, customer: stranger });
  const known = { name: "J. Müller", email: "juergen.mueller@example.com", city: "Bonn" };
  const customer = await write(host, "customers.create", known);
  // The simulated business announces it too: of the two deliveries one may tell.
  await host.hook("customers.created", { at: "", origin: null, customer });
  await host.hook("customers.created", { at: "", origin: null, customer });
  await vi.waitFor(async () =>
    expect(await read(host, "notifications.list", { type: "WARNING" })).toMatchObject({ total: 1 }),
  );
  expect(await read(host, "notifications.list")).toMatchObject({
    items: [{ message: expect.stringMatching(/#10 Jürgen Müller.*#20 Mueller Juergen/) }],
  });
  expect(await read(host, "customers.notes.list", 22)).toHaveLength(1);
});

test("duplicate-finder remembers pairs without the permissions it can do without", async () => {
  const host = await start("duplicate-finder", { deny: ["customers.edit", "notifications.send"] });
  const customer = await write(host, "customers.create", {
    name: "X",
    email: "juergen.mueller@example.com",
  });
  const deliveries = await host.hook("customers.created", { at: "", origin: null, customer });
  expect(deliveries).toHaveLength(1);
  expect(await host.call("known")).toHaveLength(2);
  expect(
    host
      .denied()
      .map(({ permission }) => permission)
      .sort(),
  ).toEqual(["customers.edit", "notifications.send"]);
});

test("day-planner plans today with customers, and without where it may not see them", async () => {
  const host = await start("day-planner");
  const plan = await host.call("plan");
  expect(plan).toMatchObject({ date: "today" });
  const { visits } = plan as { visits: { customer: Json; gapMinutes: Json }[] };
  expect(visits.length).toBeGreaterThanOrEqual(3);
  expect(visits[0]).toMatchObject({ gapMinutes: null, customer: { name: expect.any(String) } });
  expect(await host.call("next", [2])).toHaveLength(2);

  const blind = await start("day-planner", { deny: ["customers.view"] });
  const same = (await blind.call("plan")) as { visits: { customer: Json }[] };
  expect(same.visits).toHaveLength(visits.length);
  for (const visit of same.visits) expect(visit.customer).toBeNull();
});

test("day-planner warns of two appointments that are too close, once", async () => {
  const host = await start("day-planner", { config: { travelMinutes: 30 } });
  const { visits } = (await host.call("plan", ["2026-10-06"])) as { visits: { start: string }[] };
  const appointment = await write(host, "appointments.create", {
    title: "Noch einer",
    appointmentDate: visits[0]?.start ?? "",
  });
  const event = { at: "", origin: null, appointment };
  await host.hook("appointments.created", event);
  await host.hook("appointments.updated", event);
  expect(await host.call("overlaps", ["2026-10-06"])).toHaveLength(1);
  expect(await read(host, "notifications.list", { type: "WARNING" })).toMatchObject({ total: 1 });
});

test("day-planner sends the plan to the role of the settings", async () => {
  const host = await start("day-planner", { config: { role: "MANAGER" } });
  await host.schedule("morning");
  const context = { plugin: "test", actorId: 2 };
  expect(await host.domain.call("notifications.list", [], context)).toMatchObject({
    items: [{ type: "APPOINTMENT", message: expect.stringContaining(" · ") }],
  });
});

test("daily-report puts together what two other plugins know", async () => {
  const plugins = [await bundleOf("duplicate-finder"), await bundleOf("day-planner")];
  const host = await start("daily-report", { plugins });
  expect(await host.call("report")).toMatchObject({
    duplicates: [{ names: ["Jürgen Müller", "Mueller Juergen"] }],
    openRequests: 12,
  });
  const page = await host.request(new Request("https://host.test/?date=2026-10-06"));
  expect(page.headers.get("content-type")).toContain("text/html");
  expect(await page.text()).toContain("<h1>Tagesbericht 2026-10-06</h1>");
  const json = await host.request(new Request("https://host.test/report.json"));
  expect(await json.json()).toEqual(await host.call("report"));
  await host.schedule("evening");
  expect(await read(host, "notifications.list")).toMatchObject({ total: 1 });
  expect(host.denied()).toEqual([]);
});

const LICENSED = { entitlements: ["export"], info: { state: "active" } };

test("invoice-export shows a preview to everybody and exports with a license", async () => {
  const free = await start("invoice-export");
  expect(await free.call("preview", ["2026-09"])).toMatchObject({
    lines: expect.any(Array),
    license: "none",
  });
  expect(await free.call("exportCsv")).toEqual({
    licensed: false,
    missing: "export",
    lines: 0,
    csv: null,
  });
  const refused = await free.request(new Request("https://host.test/invoices.csv"));
  expect(refused.status).toBe(402);

  const paid = await start("invoice-export", { license: LICENSED, config: { hourlyRate: 100 } });
  const exported = await paid.call("exportCsv", ["2026-09"]);
  expect(exported).toMatchObject({ licensed: true, csv: expect.stringContaining("number;date;") });
  expect((exported as { lines: number }).lines).toBeGreaterThan(0);
  expect(await paid.call("exportCsv", [null, "datev"])).toMatchObject({ missing: "datev" });
  const file = await paid.request(new Request("https://host.test/invoices.csv?month=2026-09"));
  expect(await file.text()).toBe((exported as { csv: string }).csv);
});

test("invoice-export refuses a month that is none", async () => {
  const host = await start("invoice-export", { license: LICENSED });
  await expect(host.call("exportCsv", ["2026-13"])).rejects.toMatchObject({ code: "plugin_threw" });
});

test("request-triage sorts, reports, assigns and links what comes in", async () => {
  const host = await start("request-triage", { config: { assignUrgentTo: 3 } });
  expect(await host.call("triageAll")).toEqual({ urgent: 3, normal: 8, low: 1 });
  expect(await read(host, "requests.get", 1)).toMatchObject({
    processorId: 3,
    status: "IN_PROGRESS",
  });
  expect(await read(host, "requests.get", 8)).toMatchObject({ status: "CANCELLED" });
  expect(await read(host, "requests.data.list", 1)).toMatchObject([
    { category: "triage", processedBy: "plugin:@demo/request-triage", data: { urgency: "urgent" } },
  ]);
  expect(await read(host, "notifications.list", { type: "REQUEST" })).toMatchObject({ total: 3 });
  expect(await host.call("summary")).toMatchObject({ CANCELLED: 1 });
});

test("request-triage sorts with no more than the permissions it needs", async () => {
  const deny = ["requests.assign", "customers.view", "notifications.send"];
  const host = await start("request-triage", { deny, config: { assignUrgentTo: 3 } });
  expect(await host.call("triage", [1])).toMatchObject({ urgency: "urgent", language: "de" });
  expect(
    host
      .denied()
      .map(({ permission }) => permission)
      .sort(),
  ).toEqual(deny.sort());
});
