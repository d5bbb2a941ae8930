import { createTestHost, type TestHost, type TestHostOptions } from "@rising-bsm/host-sdk/testing";
import { afterEach, beforeAll, expect, test } from "vitest";
import { buildExample } from "../../tests/build-example.ts";

const NOBODY = { plugin: "test", actorId: null };
const TWINS = {
  ids: [10, 20],
  names: ["Jürgen Müller", "Mueller Juergen"],
  reasons: ["email", "name"],
};

let example: { bundle: Uint8Array };
beforeAll(async () => {
  example = await buildExample("duplicate-finder");
});

let own: TestHost | undefined;
afterEach(() => own?.close());

async function start(options: Partial<TestHostOptions> = {}): Promise<TestHost> {
  own = await createTestHost({ ...example, ...options });
  return own;
}

/** Enters a third Müller and tells the plugin of it, once more than the business does by itself. */
async function addThird(host: TestHost) {
  const input = { name: "J. Müller", email: "Juergen.Mueller@example.com", city: "Bonn" };
  const customer = await host.domain.call("customers.create", [input], NOBODY);
  return host.hook("customers.created", { at: "", origin: null, customer });
}

test("find answers all pairs, check those of one customer, known those that were noticed", async () => {
  const host = await start();
  expect(await host.call("known")).toEqual([]);
  expect(await host.call("check", [20])).toEqual([TWINS]);
  expect(await host.call("known")).toEqual([]);
  expect(await host.call("find")).toEqual([TWINS]);
  expect(await host.call("known")).toEqual([TWINS]);
  expect(await host.call("check", [1])).toEqual([]);
  expect(await host.call("check", [4711])).toEqual([]);
  expect(host.denied()).toEqual([]);
});

test("customers.created notes and reports a duplicate once, however often it is delivered", async () => {
  const host = await start();
  expect(await addThird(host)).toEqual([{ plugin: "@demo/duplicate-finder", ok: true }]);
  expect(await host.call("known")).toMatchObject([
    { ids: [10, 21], reasons: ["email"] },
    { ids: [20, 21], reasons: ["email"] },
  ]);
  const message = expect.stringMatching(/#10 Jürgen Müller \(email\).*#20 Mueller Juergen/);
  expect(await host.domain.call("notifications.list", [], NOBODY)).toMatchObject({
    total: 1,
    items: [{ type: "WARNING", message }],
  });
  expect(await host.domain.call("customers.notes.list", [21], NOBODY)).toMatchObject([
    { text: message },
  ]);
});

test("customers.updated forgets a pair that is none any more and remembers new ones", async () => {
  const host = await start();
  await host.call("find");
  const patch = { name: "Somebody Else", email: "quirin.bachmair@example.com" };
  const customer = await host.domain.call("customers.update", [20, patch], NOBODY);
  await host.hook("customers.updated", { at: "", origin: null, customer });
  expect(await host.call("known")).toMatchObject([{ ids: [17, 20], reasons: ["email"] }]);
});

test("customers.deleted forgets the customer's pairs", async () => {
  const host = await start();
  await host.call("find");
  const customer = await host.domain.call("customers.get", [20], NOBODY);
  await host.domain.call("customers.delete", [20], NOBODY);
  await host.hook("customers.deleted", { at: "", origin: null, customer });
  expect(await host.call("known")).toEqual([]);
  expect(await host.call("find")).toEqual([]);
});

test("without its optional permissions it remembers pairs and tells nobody", async () => {
  const host = await start({ deny: ["customers.edit", "notifications.send"] });
  await addThird(host);
  expect(await host.call("known")).toHaveLength(2);
  expect(await host.domain.call("notifications.list", [], NOBODY)).toMatchObject({ total: 0 });
  expect(host.logs()).toHaveLength(2);
  expect(host.denied()).toMatchObject([
    { method: "customers.notes.add", permission: "customers.edit" },
    { method: "notifications.send", permission: "notifications.send" },
  ]);
});

test("without customers.view find fails and no event reaches it", async () => {
  const host = await start({ deny: ["customers.view"] });
  await expect(host.call("find")).rejects.toMatchObject({ code: "permission_denied" });
  expect(await addThird(host)).toEqual([]);
  expect(await host.call("known")).toEqual([]);
});
