import { createTestHost, type TestHost, type TestHostOptions } from "@rising-bsm/host-sdk/testing";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { buildExample } from "../../tests/build-example.ts";

// The simulated business stands on Monday, 5 October 2026, 07:00 UTC.
const TUESDAY = "2026-10-06";
const NOBODY = { plugin: "test", actorId: null };
const MANAGER = { plugin: "test", actorId: "2" };

let example: { bundle: Uint8Array };
/** For tests that change nothing. */
let shared: TestHost;
beforeAll(async () => {
  example = await buildExample("day-planner");
  shared = await createTestHost(example);
});
afterAll(() => shared?.close());

let own: TestHost | undefined;
afterEach(async () => {
  await own?.close();
  own = undefined;
});

async function start(options: Partial<TestHostOptions> = {}): Promise<TestHost> {
  own = await createTestHost({ ...example, ...options });
  return own;
}

/** Enters an appointment on Tuesday, whose only other one ends at 15:30. */
function addOnTuesday({ domain }: TestHost, time: string) {
  const input = { title: "Noch einer", appointmentDate: `${TUESDAY}T${time}:00.000Z` };
  return domain.call("appointments.create", [input], NOBODY);
}

test("plan lists the day in order, with customers and the gaps between visits", async () => {
  expect(await shared.call("plan")).toMatchObject({
    date: "today",
    visits: [
      { id: 2, start: "2026-10-05T08:00:00.000Z", gapMinutes: null },
      { id: 1, customer: { name: "Gemeinde Sankt Veit" }, gapMinutes: 120 },
      { id: 21, gapMinutes: 30 },
      { id: 3, gapMinutes: 60 },
    ],
  });
  expect(await shared.call("plan", [TUESDAY])).toMatchObject({
    date: TUESDAY,
    visits: [{ id: 22, customer: { name: "Elif Yıldız", phone: "+43 1 7933724" } }],
  });
  expect(await shared.call("plan", ["2031-01-01"])).toEqual({ date: "2031-01-01", visits: [] });
});

test("next answers as many visits as it is asked for, five without a number", async () => {
  expect(await shared.call("next", [2])).toMatchObject([{ id: 2 }, { id: 1 }]);
  expect(await shared.call("next")).toHaveLength(5);
});

test("overlaps answers the pairs with less time between them than the settings ask for", async () => {
  expect(await shared.call("overlaps")).toEqual([]);
  const host = await start({ config: { travelMinutes: 60 } });
  expect(await host.call("overlaps")).toEqual([{ ids: [1, 21], missingMinutes: 30 }]);
});

test("appointments.created warns of an overlap once, and notes it on the appointment", async () => {
  const host = await start();
  const appointment = await addOnTuesday(host, "15:40");
  const payload = { at: "", origin: null, appointment };
  expect(await host.hook("appointments.created", payload)).toEqual([
    { plugin: "@demo/day-planner", ok: true },
  ]);
  expect(await host.domain.call("notifications.list", [], NOBODY)).toMatchObject({
    total: 1,
    items: [{ type: "WARNING", message: "#22 / #41: 5 min" }],
  });
  expect(await host.domain.call("appointments.notes.list", [41], NOBODY)).toMatchObject([
    { text: expect.stringContaining("5 min") },
  ]);
});

test("appointments.updated warns when an appointment moves too close to another", async () => {
  const host = await start();
  const later = await addOnTuesday(host, "18:00");
  await host.hook("appointments.updated", { at: "", origin: null, appointment: later });
  expect(await host.domain.call("notifications.list", [], NOBODY)).toMatchObject({ total: 0 });
  const move = { appointmentDate: `${TUESDAY}T15:40:00.000Z` };
  const moved = await host.domain.call("appointments.update", [41, move], NOBODY);
  await host.hook("appointments.updated", { at: "", origin: null, appointment: moved });
  expect(await host.domain.call("notifications.list", [], NOBODY)).toMatchObject({ total: 1 });
});

test("the schedule morning sends the plan to the role of the settings", async () => {
  const host = await start({ config: { role: "MANAGER" } });
  await host.schedule("morning");
  expect(await host.domain.call("notifications.list", [], MANAGER)).toMatchObject({
    total: 1,
    items: [
      {
        type: "APPOINTMENT",
        title: "Heute / today: 4",
        message: expect.stringContaining("08:00 · Prüfung des Sicherungskastens · Margarete Weiß"),
      },
    ],
  });
  expect(await host.domain.call("notifications.list", [], NOBODY)).toMatchObject({ total: 0 });
});

test("without its optional permissions it plans without customers and warns without a note", async () => {
  const host = await start({ deny: ["customers.view", "appointments.edit"] });
  expect(await host.call("plan", [TUESDAY])).toMatchObject({
    visits: [{ id: 22, customer: null }],
  });
  const appointment = await addOnTuesday(host, "15:40");
  await host.hook("appointments.created", { at: "", origin: null, appointment });
  expect(await host.domain.call("notifications.list", [], NOBODY)).toMatchObject({ total: 1 });
  expect(host.logs()).toMatchObject([{ message: expect.stringContaining("No note") }]);
  expect(host.denied()).toEqual([
    { plugin: "@demo/day-planner", method: "customers.get", permission: "customers.view" },
    {
      plugin: "@demo/day-planner",
      method: "appointments.notes.add",
      permission: "appointments.edit",
    },
  ]);
});

test("without appointments.view every method fails with permission_denied", async () => {
  const host = await start({ deny: ["appointments.view"] });
  for (const method of ["plan", "overlaps", "next"])
    await expect(host.call(method)).rejects.toMatchObject({ code: "permission_denied" });
  await expect(host.schedule("morning")).rejects.toMatchObject({ code: "permission_denied" });
});
