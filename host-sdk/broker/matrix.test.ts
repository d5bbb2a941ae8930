import type { Json } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { DOMAIN_METHODS } from "../domain/methods.ts";
import { createSimulatedDomain } from "../domain/simulated/simulated-domain.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { createBroker } from "./broker.ts";
import type { Actor } from "../lifecycle/actor.ts";

/** Every host call there is, and the permission it needs by its canonical name. */
const NEEDS: Readonly<Record<string, string | null>> = {
  "customers.list": "customers.view",
  "customers.get": "customers.view",
  "customers.create": "customers.create",
  "customers.update": "customers.edit",
  "customers.setStatus": "customers.edit",
  "customers.delete": "customers.delete",
  "customers.notes.list": "customers.view",
  "customers.notes.add": "customers.edit",
  "appointments.list": "appointments.view",
  "appointments.upcoming": "appointments.view",
  "appointments.get": "appointments.view",
  "appointments.create": "appointments.create",
  "appointments.update": "appointments.edit",
  "appointments.setStatus": "appointments.edit",
  "appointments.cancel": "appointments.edit",
  "appointments.delete": "appointments.delete",
  "appointments.notes.list": "appointments.view",
  "appointments.notes.add": "appointments.edit",
  "requests.list": "requests.view",
  "requests.get": "requests.view",
  "requests.create": "requests.create",
  "requests.update": "requests.edit",
  "requests.setStatus": "requests.edit",
  "requests.assign": "requests.assign",
  "requests.linkCustomer": "requests.edit",
  "requests.convert": "requests.convert",
  "requests.delete": "requests.delete",
  "requests.notes.list": "requests.view",
  "requests.notes.add": "requests.edit",
  "requests.data.list": "requests.view",
  "requests.data.put": "requests.edit",
  "notifications.list": "notifications.view",
  "notifications.send": "notifications.send",
  "storage.get": null,
  "storage.set": null,
  "storage.delete": null,
  "storage.list": null,
  "plugins.call": null,
  fetch: null,
};

/** Arguments with which each call succeeds in the simulated business. */
const ARGS: Readonly<Record<string, Json[]>> = {
  "customers.get": [1],
  "customers.create": [{ name: "Ada" }],
  "customers.update": [1, { city: "Kiel" }],
  "customers.setStatus": [1, "INACTIVE"],
  "customers.delete": [2],
  "customers.notes.list": [1],
  "customers.notes.add": [1, "note"],
  "appointments.get": [1],
  "appointments.create": [{ title: "Visit", appointmentDate: "2026-03-01T10:00:00Z" }],
  "appointments.update": [1, { location: "Kiel" }],
  "appointments.setStatus": [1, "CONFIRMED"],
  "appointments.cancel": [1],
  "appointments.delete": [2],
  "appointments.notes.list": [1],
  "appointments.notes.add": [1, "note"],
  "requests.get": [1],
  "requests.create": [{ name: "A", email: "a@b.example", service: "Roof", message: "Hello" }],
  "requests.update": [1, { phone: "1" }],
  "requests.setStatus": [1, "IN_PROGRESS"],
  "requests.assign": [1, 1],
  "requests.linkCustomer": [1, 1],
  "requests.convert": [1],
  "requests.delete": [2],
  "requests.notes.list": [1],
  "requests.notes.add": [1, "note"],
  "requests.data.list": [1],
  "requests.data.put": [1, { category: "triage", label: "score", data: { score: 1 } }],
  "notifications.send": [{ to: "installer", title: "Hello" }],
  "storage.get": ["key"],
  "storage.set": ["key", 1],
  "storage.delete": ["key"],
  "plugins.call": ["@acme/other", "greet"],
  fetch: [{ method: "GET", url: "https://api.example.com/", headers: [], body: null }],
};

/** What the first plugin system called them. */
const ALIASES: Readonly<Record<string, string>> = {
  "customers.view": "customers.read",
  "customers.create": "customers.write",
  "customers.edit": "customers.write",
  "appointments.view": "appointments.read",
  "appointments.create": "appointments.write",
  "appointments.edit": "appointments.write",
  "requests.view": "requests.read",
  "requests.create": "requests.write",
  "requests.edit": "requests.write",
  "notifications.view": "notifications.read",
  "notifications.send": "notifications.write",
};
const ALL = [...new Set(Object.values(NEEDS))].filter((code) => code !== null);

interface Case {
  readonly grants: readonly string[];
  readonly actor: Actor["permissions"] | null;
}

/** `ok`, or code and what is missing, for one plugin and user, each time in a fresh business. */
async function outcomeOf(method: string, { grants, actor }: Case): Promise<string> {
  const broker = createBroker({
    store: createMemoryStore(),
    domain: await createSimulatedDomain(),
    callPlugin: async () => null,
    network: {
      fetch: async () => ({ status: 200, statusText: "", headers: [], body: null, url: "" }),
      readSecret: async () => null,
    },
    audit: () => undefined,
    logger: { error: () => undefined },
    now: () => 0,
  });
  const context = {
    plugin: "@acme/test",
    grants,
    dependencies: ["@acme/other"],
    actor: actor === null ? null : { id: 1, permissions: actor },
    depth: 0,
  };
  return broker.handle(context, { method, args: ARGS[method] ?? [] }).then(
    () => "ok",
    ({ code, detail }) => `${code}:${detail.missing}`,
  );
}

const without = (code: string | null) => ALL.filter((other) => other !== code);

test("the table names every call that reaches the application's data", () => {
  for (const [method, { permission }] of Object.entries(DOMAIN_METHODS)) {
    expect([method, NEEDS[method]]).toEqual([method, permission]);
  }
});

test.each(Object.entries(NEEDS))("%s with and without %s", async (method, code) => {
  const table: [string, Case, string][] =
    code === null
      ? [
          ["no grant", { grants: [], actor: null }, "ok"],
          ["no grant, a user without rights", { grants: [], actor: [] }, "ok"],
        ]
      : [
          ["granted, nobody acting", { grants: [code], actor: null }, "ok"],
          ["granted, an administrator", { grants: [code], actor: "all" }, "ok"],
          ["granted, a user with just this right", { grants: [code], actor: [code] }, "ok"],
          ["all else granted", { grants: without(code), actor: null }, "permission_denied:grant"],
          [
            "all else granted, an administrator",
            { grants: without(code), actor: "all" },
            "permission_denied:grant",
          ],
          [
            "nothing granted, a user with the right",
            { grants: [], actor: [code] },
            "permission_denied:grant",
          ],
          [
            "granted, a user with all else",
            { grants: [code], actor: without(code) },
            "permission_denied:actor",
          ],
          ["granted, a user with nothing", { grants: ALL, actor: [] }, "permission_denied:actor"],
          ["neither", { grants: [], actor: [] }, "permission_denied:grant"],
        ];
  const alias = ALIASES[code ?? ""];
  if (code !== null && alias !== undefined) {
    table.push(["its alias granted", { grants: [alias], actor: null }, "ok"]);
    table.push(["a user with its alias", { grants: [code], actor: [alias] }, "ok"]);
  }
  for (const [name, row, outcome] of table) {
    // A fetch also needs its host: granted here, so that the row is about the user.
    const grants = method === "fetch" ? [...row.grants, "network:api.example.com"] : row.grants;
    expect([name, await outcomeOf(method, { ...row, grants })]).toEqual([name, outcome]);
  }
});

test.each([
  "plugins.manage",
  "plugins.install",
  "marketplace.view",
  "marketplace.manage",
  "license.has",
  "users.list",
])("%s is no host call, whatever a plugin was granted", async (method) => {
  const grants = [...ALL, "plugins.manage", "marketplace.view", "marketplace.manage", method];
  expect(await outcomeOf(method, { grants, actor: "all" })).toBe("permission_denied:grant");
});
