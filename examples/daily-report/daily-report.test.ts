import { createTestHost, type TestHost, type TestHostOptions } from "@rising-bsm/host-sdk/testing";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { buildExample } from "../../tests/build-example.ts";

const NOBODY = { plugin: "test", actorId: null };
const ALONE = ["daily-report"];
const ALL = ["daily-report", "duplicate-finder", "day-planner"];

const examples = new Map<string, { bundle: Uint8Array }>();
/** For tests that change nothing. */
let shared: TestHost;
beforeAll(async () => {
  await Promise.all(ALL.map(async (name) => examples.set(name, await buildExample(name))));
  shared = await create(ALL);
});
afterAll(() => shared?.close());

let own: TestHost | undefined;
afterEach(async () => {
  await own?.close();
  own = undefined;
});

function create(names: readonly string[], options: Partial<TestHostOptions> = {}) {
  const [example, ...plugins] = names.flatMap((name) => examples.get(name) ?? []);
  if (example === undefined) throw new Error("The example was not built");
  return createTestHost({ ...example, plugins, ...options });
}

test("report puts together what the two plugins know, without a permission for customers", async () => {
  expect(await shared.call("report")).toMatchObject({
    date: "today",
    visits: [
      { start: "2026-10-05T08:00:00.000Z", customer: "Margarete Weiß" },
      { customer: "Gemeinde Sankt Veit" },
      { customer: "Margarete Weiß" },
      { customer: "Hannah Whitfield" },
    ],
    overlaps: 0,
    duplicates: [{ names: ["Jürgen Müller", "Mueller Juergen"] }],
    openRequests: 12,
  });
  expect(await shared.call("report", ["2031-01-01"])).toMatchObject({
    date: "2031-01-01",
    visits: [],
  });
  expect(shared.denied()).toEqual([]);
});

test("handleRequest answers the page at / and JSON at /report.json", async () => {
  const page = await shared.request(new Request("https://host.test/?date=2026-10-06"));
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  const html = await page.text();
  expect(html).toContain("<h1>Tagesbericht 2026-10-06</h1>");
  expect(html).toContain("14:00 Jährliche Wartung der Gastherme (Elif Yıldız)");
  const json = await shared.request(new Request("https://host.test/report.json?date=2026-10-06"));
  expect(await json.json()).toEqual(await shared.call("report", ["2026-10-06"]));
});

test("the schedule evening tells whoever installed it", async () => {
  own = await create(ALL);
  await own.schedule("evening");
  expect(await own.domain.call("notifications.list", [], NOBODY)).toMatchObject({
    total: 1,
    items: [{ message: "4 Termine, 12 offene Anfragen, 1 Dubletten" }],
  });
});

test("without requests.view the report fails with permission_denied", async () => {
  own = await create(ALL, { deny: ["requests.view"] });
  await expect(own.call("report")).rejects.toMatchObject({ code: "permission_denied" });
  expect(own.denied()).toEqual([
    { plugin: "@demo/daily-report", method: "requests.list", permission: "requests.view" },
  ]);
});

test("without the plugins it depends on the report fails and says which one is missing", async () => {
  own = await create(ALONE);
  await expect(own.call("report")).rejects.toMatchObject({
    code: "plugin_not_found",
    message: expect.stringMatching(/@demo\/(?:day-planner|duplicate-finder)/),
  });
});
