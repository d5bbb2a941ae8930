import { createTestHost, type TestHost, type TestHostOptions } from "@rising-bsm/host-sdk/testing";
import { afterEach, beforeAll, expect, test } from "vitest";
import { buildExample } from "../../tests/build-example.ts";

const NOBODY = { plugin: "test", actorId: null };
const OPTIONAL = ["customers.view", "notifications.send", "requests.assign"];

let example: { bundle: Uint8Array };
beforeAll(async () => {
  example = await buildExample("request-triage");
});

let own: TestHost | undefined;
afterEach(() => own?.close());

async function start(options: Partial<TestHostOptions> = {}): Promise<TestHost> {
  own = await createTestHost({ ...example, ...options });
  return own;
}

/** Enters a request and tells the plugin of it. */
async function receive(host: TestHost, input: { email: string; message: string }) {
  const request = await host.domain.call(
    "requests.create",
    [{ name: "Somebody", service: "Plumbing", ...input }],
    NOBODY,
  );
  return host.hook("requests.created", { at: "", origin: null, request });
}

test("classify sorts a text and says which words decided", async () => {
  const host = await start();
  expect(await host.call("classify", ["Wasserschaden! Bitte sofort kommen"])).toEqual({
    urgency: "urgent",
    kind: "job",
    language: "de",
    because: ["wasserschaden", "sofort"],
  });
  expect(await host.call("classify", ["Please cancel my subscription, no hurry"])).toMatchObject({
    urgency: "low",
    kind: "cancellation",
    language: "en",
  });
  expect(await host.domain.call("requests.data.list", [1], NOBODY)).toEqual([]);
});

test("triage writes the result on the request, reports and assigns an urgent one", async () => {
  const host = await start({ config: { assignUrgentTo: 3 } });
  const result = { urgency: "urgent", kind: "job", language: "de" };
  expect(await host.call("triage", [1])).toMatchObject(result);
  expect(await host.domain.call("requests.data.list", [1], NOBODY)).toMatchObject([
    { category: "triage", processedBy: "plugin:@demo/request-triage", data: result },
  ]);
  expect(await host.domain.call("requests.get", [1], NOBODY)).toMatchObject({
    processorId: 3,
    status: "IN_PROGRESS",
  });
  expect(await host.domain.call("notifications.list", [], NOBODY)).toMatchObject({
    total: 1,
    items: [{ type: "REQUEST", title: "Dringend / urgent: Theresa Lindner" }],
  });
  expect(await host.call("triage", [4711])).toBeNull();
});

test("triageAll sorts every new request and closes advertising; summary counts", async () => {
  const host = await start();
  expect(await host.call("summary")).toEqual({
    NEW: 12,
    IN_PROGRESS: 3,
    COMPLETED: 0,
    CANCELLED: 0,
  });
  expect(await host.call("triageAll")).toEqual({ urgent: 3, normal: 8, low: 1 });
  expect(await host.domain.call("requests.get", [8], NOBODY)).toMatchObject({
    status: "CANCELLED",
  });
  expect(await host.call("summary")).toEqual({
    NEW: 11,
    IN_PROGRESS: 3,
    COMPLETED: 0,
    CANCELLED: 1,
  });
  expect(host.denied()).toEqual([]);
});

test("advertising stays open where the settings say so", async () => {
  const host = await start({ config: { closeAdvertising: false } });
  expect(await host.call("triage", [8])).toMatchObject({ kind: "advertising", urgency: "low" });
  expect(await host.domain.call("requests.get", [8], NOBODY)).toMatchObject({ status: "NEW" });
});

test("requests.created sorts what comes in and links the customer that sent it", async () => {
  const host = await start();
  const message = "Notfall! Bitte sofort.";
  const delivered = await receive(host, { email: "Elif.Y.ld.z@example.com", message });
  expect(delivered).toEqual([{ plugin: "@demo/request-triage", ok: true }]);
  expect(await host.domain.call("requests.get", [16], NOBODY)).toMatchObject({
    customerId: null,
  });
  await receive(host, { email: "Juergen.Mueller@example.com", message: "Bitte um Rückruf" });
  expect(await host.domain.call("requests.get", [17], NOBODY)).toMatchObject({
    customerId: 10,
  });
});

test("without its optional permissions it sorts all the same and logs what it could not do", async () => {
  const host = await start({ deny: OPTIONAL, config: { assignUrgentTo: 3 } });
  expect(await host.call("triage", [1])).toMatchObject({ urgency: "urgent" });
  expect(await host.domain.call("requests.data.list", [1], NOBODY)).toHaveLength(1);
  expect(host.logs().map(({ message }) => message)).toEqual([
    expect.stringContaining("Could not notify"),
    expect.stringContaining("Could not assign"),
    expect.stringContaining("Could not link the customer"),
  ]);
  const denied = host.denied().map(({ permission }) => permission);
  expect(denied.toSorted()).toEqual(OPTIONAL);
});

test("without requests.edit triage fails with permission_denied", async () => {
  const host = await start({ deny: ["requests.edit"] });
  await expect(host.call("triage", [1])).rejects.toMatchObject({ code: "permission_denied" });
});
