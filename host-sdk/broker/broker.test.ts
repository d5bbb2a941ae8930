import { CALL_LIMITS, RATE_LIMITS, RbsmError, type Json } from "@rising-bsm/protocol";
import { beforeEach, expect, test } from "vitest";
import type { DomainPort } from "../domain/domain-port.ts";
import { DOMAIN_METHODS } from "../domain/methods.ts";
import { createSimulatedDomain } from "../domain/simulated/simulated-domain.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { codeOf } from "../testing/expectations.ts";
import { createBroker, type AuditRow, type Broker, type BrokerOptions } from "./broker.ts";
import type { Actor } from "../lifecycle/actor.ts";
import type { BrokerContext } from "./grants.ts";
import type { PluginToPlugin } from "./plugin-calls.ts";

let domain: DomainPort;
let broker: Broker;
let audit: AuditRow[];
let errors: string[];
let calledPlugins: PluginToPlugin[];

function make(options: Partial<BrokerOptions> = {}): Broker {
  return createBroker({
    store: createMemoryStore(),
    domain,
    callPlugin: async (call) => {
      calledPlugins.push(call);
      return "answer";
    },
    audit: (row) => audit.push(row),
    logger: { error: (message) => errors.push(message) },
    now: () => 1_000,
    ...options,
  });
}

beforeEach(async () => {
  domain = await createSimulatedDomain();
  audit = [];
  errors = [];
  calledPlugins = [];
  broker = make();
});

function contextOf(changes: Partial<BrokerContext> = {}): BrokerContext {
  return {
    plugin: "@acme/test",
    grants: [],
    dependencies: [],
    actor: null,
    depth: 0,
    ...changes,
  };
}

function handle(changes: Partial<BrokerContext>, method: string, ...args: Json[]): Promise<Json> {
  return broker.handle(contextOf(changes), { method, args });
}

const user = (permissions: Actor["permissions"]): Actor => ({ id: 7, permissions });

test.each(Object.entries(DOMAIN_METHODS))(
  "%s is refused without its permission, however it is called",
  async (method, { permission }) => {
    const all = Object.values(DOMAIN_METHODS).map((contract) => contract.permission);
    const grants = all.filter((code) => code !== permission);
    const refused = handle({ grants }, method);
    await expect(refused).rejects.toMatchObject({
      code: "permission_denied",
      message: expect.stringContaining(`Add "${permission}" to "permissions" in manifest.json`),
      detail: { permission, method, plugin: "@acme/test", missing: "grant" },
    });
    expect(broker.denials.list()).toEqual([{ plugin: "@acme/test", method, permission }]);
  },
);

test.each<[string, string[], Actor | null, string | null]>([
  ["a grant and no user", ["customers.view"], null, null],
  ["a grant and a user who may do all", ["customers.view"], user("all"), null],
  ["a grant and a user with the right", ["customers.view"], user(["customers.view"]), null],
  ["a grant and a user without the right", ["customers.view"], user(["users.view"]), "actor"],
  ["a grant and a user without any right", ["customers.view"], user([]), "actor"],
  ["no grant and a user who may do all", [], user("all"), "grant"],
  ["another grant", ["customers.edit"], user("all"), "grant"],
  ["a legacy grant", ["customers.read"], user(["customers.read"]), null],
  ["a wildcard, which is no grant", ["customers.*", "*"], null, "grant"],
])("customers.get with %s", async (...[, grants, actor, missing]) => {
  const done = handle({ grants, actor }, "customers.get", 1);
  if (missing === null) expect(await done).toMatchObject({ id: 1 });
  else await expect(done).rejects.toMatchObject({ code: "permission_denied", detail: { missing } });
});

test.each(["users.list", "customers", "customers.notes", "__proto__", "constructor", ""])(
  "the host call %j does not exist, whatever was granted",
  async (method) => {
    const done = handle({ grants: ["customers.view", method], actor: user("all") }, method, 1);
    await expect(done).rejects.toMatchObject({ code: "permission_denied" });
  },
);

test.each<[string, Json[], string]>([
  ["customers.get", [], "args"],
  ["customers.get", ["1"], "args[0]"],
  ["customers.get", [1, 2], "args"],
  ["customers.list", [{ limit: 0 }], "args[0].limit"],
  ["customers.list", [{ sortBy: "appointmentTime" }], "args[0].sortBy"],
  ["customers.create", [{ name: "" }], "args[0].name"],
  ["customers.create", [{ name: "x".repeat(101) }], "args[0].name"],
  ["customers.create", [{ name: "A", email: "nobody" }], "args[0].email"],
  ["customers.create", [{ name: "A", state: "Bayern" }], "args[0]"],
  ["appointments.create", [{ title: "A", appointmentDate: "14:30" }], "args[0].appointmentDate"],
  ["notifications.send", [{ to: "installer", title: "x".repeat(101) }], "args[0].title"],
  ["notifications.send", [{ to: "installer", title: " " }], "args[0].title"],
  [
    "notifications.send",
    [{ to: "installer", title: "x", message: "x".repeat(10_001) }],
    "args[0].message",
  ],
  ["notifications.send", [{ to: "everybody", title: "x" }], "args[0].to"],
  ["notifications.send", [{ to: { role: "owner" }, title: "x" }], "args[0].to"],
  ["storage.get", [""], "args[0]"],
  ["storage.get", ["x".repeat(257)], "args[0]"],
  ["storage.set", ["a\0b", 1], "args[0]"],
  ["storage.set", ["a", 1, { ttl: 5 }], "args[2]"],
  ["plugins.call", ["@acme/other"], "args[1]"],
])("%s with %j is request_invalid at %s", async (method, args, path) => {
  const grants = [
    "customers.view",
    "customers.create",
    "appointments.create",
    "notifications.send",
  ];
  const done = handle({ grants, dependencies: ["@acme/other"] }, method, ...args);
  const error = await done.catch((refusal: unknown) => refusal);
  expect(error).toBeInstanceOf(RbsmError);
  expect(error).toMatchObject({ code: "request_invalid" });
  const { findings } = (error as RbsmError).detail;
  expect(findings?.map((finding) => finding.path)).toContain(path);
});

test.each<[string, Json, number, number]>([
  ["the installer", "installer", 1, 2],
  ["everybody of a role", { role: "MANAGER" }, 2, 1],
  ["one user", { userId: 3 }, 3, 4],
])("a notification to %s arrives there, of the greatest length", async (...row) => {
  const [, to, receiver, somebodyElse] = row;
  const title = "x".repeat(100);
  const message = "y".repeat(10_000);
  const grants = ["notifications.send", "notifications.view"];
  const list = async (id: number): Promise<unknown[]> =>
    Object(await handle({ grants, actor: { id, permissions: "all" } }, "notifications.list")).items;
  const before = await Promise.all([receiver, somebodyElse].map(list));
  await handle({ grants }, "notifications.send", { to, title, message });
  expect((await list(receiver))[0]).toMatchObject({ title, message });
  expect(await list(somebodyElse)).toEqual(before[1]);
});

test("a value that is undefined is stored as null", async () => {
  expect(await handle({}, "storage.set", "key")).toEqual({ version: 1 });
  expect(await handle({}, "storage.list")).toEqual({ keys: ["key"] });
});

test("arguments left out may cross as null", async () => {
  const grants = ["customers.view", "appointments.view"];
  expect(await handle({ grants }, "customers.list")).toMatchObject({ total: 20 });
  expect(await handle({ grants }, "customers.list", null)).toMatchObject({ total: 20 });
  expect(await handle({ grants }, "appointments.upcoming", null)).toHaveLength(20);
});

test("the domain gets checked arguments, the plugin's name and the user", async () => {
  const seen: unknown[] = [];
  broker = make({
    domain: {
      ...domain,
      call: async (...call) => {
        seen.push(call);
        return null;
      },
    },
  });
  const grants = ["customers.view"];
  await handle({ grants, actor: user("all") }, "customers.get", 3);
  await handle({ grants, actor: { id: "8", permissions: "all" } }, "customers.get", 3);
  await handle({ grants, actor: { id: "uuid", permissions: "all" } }, "customers.get", 3);
  expect(seen).toEqual(
    ["7", "8", "uuid"].map((actorId) => ["customers.get", [3], { plugin: "@acme/test", actorId }]),
  );
});

test("nothing of an answer that breaks the table reaches the plugin", async () => {
  broker = make({ domain: { ...domain, call: async () => ({ password: "secret" }) } });
  const done = handle({ grants: ["customers.view"] }, "customers.get", 1);
  const error = await done.catch((refusal: unknown) => refusal);
  expect(error).toMatchObject({ code: "internal", message: expect.not.stringContaining("secret") });
  expect(errors).toEqual(["The host call customers.get failed"]);
});

test("keys that the table does not know are dropped from an answer", async () => {
  const row: Json = await domain.call("customers.get", [1], { plugin: "x", actorId: null });
  broker = make({
    domain: {
      ...domain,
      call: async () => Object.assign({ ...Object(row) }, { passwordHash: "secret" }),
    },
  });
  const answer = await handle({ grants: ["customers.view"] }, "customers.get", 1);
  expect(answer).toEqual(row);
});

test("an unexpected failure of the host is internal and says nothing of its cause", async () => {
  const call = (): Promise<never> => Promise.reject(new Error("SELECT * FROM users failed"));
  broker = make({ domain: { ...domain, call } });
  await expect(handle({ grants: ["customers.view"] }, "customers.get", 1)).rejects.toMatchObject({
    code: "internal",
    message: "The host could not serve customers.get",
  });
});

test("every call is audited with how it ended", async () => {
  const grants = ["customers.view"];
  await handle({ grants, actor: user("all") }, "customers.get", 1);
  await handle({ grants }, "customers.delete", 1).catch(() => null);
  await handle({ grants }, "customers.get", "x").catch(() => null);
  await handle({ grants }, "storage.get", "key");
  await handle({ grants }, "users.list").catch(() => null);
  expect(audit).toEqual(
    [
      [7, "customers.get", "customers.view", "ok"],
      [null, "customers.delete", "customers.delete", "permission_denied"],
      [null, "customers.get", "customers.view", "request_invalid"],
      [null, "storage.get", null, "ok"],
      [null, "users.list", null, "permission_denied"],
    ].map(([actor, method, permission, outcome]) => {
      return { at: 1_000, plugin: "@acme/test", actor, method, permission, outcome, ms: 0 };
    }),
  );
});

test("one plugin call may wait for 32 host calls and no more", async () => {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  broker = make({ domain: { ...domain, call: () => gate.then(() => null) } });
  const context = contextOf({ grants: ["customers.view"] });
  const call = { method: "customers.get", args: [1] };
  const open = Array.from({ length: CALL_LIMITS.callsInFlight }, () =>
    broker.handle(context, call),
  );
  await expect(broker.handle(context, call)).rejects.toMatchObject({ code: "limit_calls" });
  const other = broker.handle(contextOf({ grants: ["customers.view"] }), call);
  release();
  expect(await Promise.all(open)).toHaveLength(CALL_LIMITS.callsInFlight);
  await other;
  expect(await broker.handle(context, call)).toBeNull();
});

test("plugins.call reaches dependencies, one deeper and for the same user", async () => {
  const context = { dependencies: ["@acme/other"], actor: user(["customers.view"]), depth: 2 };
  expect(await handle(context, "plugins.call", "@acme/other", "greet", 1, null)).toBe("answer");
  expect(calledPlugins).toEqual([
    {
      from: "@acme/test",
      plugin: "@acme/other",
      method: "greet",
      args: [1, null],
      actor: user(["customers.view"]),
      depth: 3,
      signal: expect.any(AbortSignal),
      deadlineMs: null,
    },
  ]);
});

test("plugins.call refuses a plugin that the manifest does not depend on", async () => {
  const done = handle({ dependencies: ["@acme/a"] }, "plugins.call", "@acme/b", "greet");
  await expect(done).rejects.toMatchObject({
    code: "permission_denied",
    message: expect.stringContaining('Add "@acme/b": "*" to "dependencies" in manifest.json'),
  });
  expect(calledPlugins).toEqual([]);
  expect(broker.denials.list("@acme/test")).toEqual([
    { plugin: "@acme/test", method: "plugins.call", permission: "plugins.call:@acme/b" },
  ]);
  expect(broker.denials.list("@acme/b")).toEqual([]);
});

test("plugins.call hands on how long the caller has left, and the end of its call", async () => {
  const { signal } = new AbortController();
  const deadline = performance.now() + 5_000;
  const args = ["@acme/other", "greet"];
  const context = contextOf({ dependencies: ["@acme/other"] });
  await broker.handle(context, { method: "plugins.call", args, signal, deadline });
  const [call] = calledPlugins;
  expect(call?.signal).toBe(signal);
  expect(call?.deadlineMs).toBeGreaterThan(0);
  expect(call?.deadlineMs).toBeLessThanOrEqual(5_000);
});

test("plugins.call ends at the limit of depth", async () => {
  const dependencies = ["@acme/other"];
  const args: Json[] = ["@acme/other", "greet"];
  const { pluginCallDepth } = CALL_LIMITS;
  await handle({ dependencies, depth: pluginCallDepth - 1 }, "plugins.call", ...args);
  await expect(
    handle({ dependencies, depth: pluginCallDepth }, "plugins.call", ...args),
  ).rejects.toMatchObject({ code: "limit_calls" });
});

test("denials.list() names a refusal once and keeps no more than 256 of a plugin", async () => {
  for (let n = 0; n < 300; n += 1) {
    await handle({}, `made.up${n}`).catch(() => null);
    await handle({}, "customers.get", 1).catch(() => null);
  }
  expect(broker.denials.list()).toHaveLength(256);
  const again = broker.denials.list().filter(({ method }) => method === "customers.get");
  expect(again).toHaveLength(1);
  await handle({ plugin: "@acme/later" }, "customers.get", 1).catch(() => null);
  expect(broker.denials.list("@acme/later")).toHaveLength(1);
});

test.each<[string, Json[], number]>([
  ["customers.get", [1], RATE_LIMITS.hostCalls],
  ["storage.get", ["key"], RATE_LIMITS.hostCalls],
  ["storage.set", ["key", 1], RATE_LIMITS.writes],
  ["storage.delete", ["key"], RATE_LIMITS.writes],
  ["customers.update", [1, { city: "Kiel" }], RATE_LIMITS.writes],
  ["notifications.send", [{ to: "installer", title: "Hi" }], RATE_LIMITS.notifications],
  ["made.up", [], RATE_LIMITS.hostCalls],
])("%s %j goes %i times a minute and not once more", async (...[method, args, limit]) => {
  broker = make({ domain: { ...domain, call: async () => null } });
  const grants = ["customers.view", "customers.edit", "notifications.send"];
  const codes = new Map<string, number>();
  for (let n = 0; n <= limit; n += 1) {
    const code = await codeOf(handle({ grants }, method, ...args));
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  expect(codes.get("limit_calls")).toBe(1);
});

test("the audit bounds names that plugin code makes up", async () => {
  await handle({}, "x".repeat(1_000)).catch(() => null);
  expect(audit[0]?.method).toHaveLength(100);
});

test.each([undefined, null, "context", {}, { plugin: "@acme/test", grants: "all" }])(
  "a host call with the context %j is refused as an error of the host",
  async (context) => {
    const done = broker.handle(context, { method: "storage.get", args: ["a"] });
    await expect(done).rejects.toMatchObject({ code: "internal" });
  },
);
