import { setTimeout as sleep } from "node:timers/promises";
import { HOOK_LIMITS, type Json, utf8 } from "@rising-bsm/protocol";
import { afterEach, expect, test } from "vitest";
import type { DomainEvent, DomainPort } from "../domain/domain-port.ts";
import { createSimulatedDomain } from "../domain/simulated/simulated-domain.ts";
import { createTestHost, type TestHost, type TestHostOptions } from "../testing/test-host.ts";

let host: TestHost | undefined;
afterEach(() => host?.close());

const required = { version: "1.0.0", main: "index.js", dependencies: {} };
const manifest = {
  ...required,
  permissions: ["customers.view", "customers.edit"],
  hooks: ["customers.updated"],
};

function plugin(name: string, code: string): { files: ReadonlyMap<string, Uint8Array> } {
  return {
    files: new Map([
      ["manifest.json", utf8(JSON.stringify({ ...manifest, name }))],
      ["index.js", utf8(code)],
    ]),
  };
}

async function open(options: TestHostOptions): Promise<TestHost> {
  return (host = await createTestHost(options));
}

const LISTENER = `const seen = []; export default {
  methods: { seen() { return seen; } },
  hooks: { async "customers.updated"({ n }) { seen.push(n); } },
};`;
const HOLDER = `export default { hooks: { "customers.updated"() { return new Promise(() => {}); } } };`;
const THROWER = `export default { hooks: { "customers.updated"() { throw new Error("no"); } } };`;

test("each plugin is told in order, and none waits for one that holds on", async () => {
  const testing = await open({
    ...plugin("@acme/listener", LISTENER),
    plugins: [plugin("@acme/holder", HOLDER), plugin("@acme/thrower", THROWER)],
  });
  const told = Array.from({ length: 20 }, (_, n) => testing.hook("customers.updated", { n }));
  const expected: Json = Array.from({ length: 20 }, (_, n) => n);
  await expect.poll(() => testing.call("seen"), { timeout: 15_000 }).toEqual(expected);
  // The holder's first hook alone lasts for a second; all twenty were heard without it.
  expect(testing.hookCounts("@acme/holder")).toMatchObject({ delivered: 0 });
  expect(await told[0]).toEqual([
    { plugin: "@acme/holder", ok: false, problem: expect.objectContaining({ code: "limit_wall" }) },
    { plugin: "@acme/listener", ok: true },
    {
      plugin: "@acme/thrower",
      ok: false,
      problem: expect.objectContaining({ code: "plugin_threw" }),
    },
  ]);
  expect(testing.hookCounts("@acme/listener")).toEqual({ delivered: 20, failed: 0, dropped: 0 });
  expect(testing.hookCounts("@acme/thrower")).toEqual({ delivered: 0, failed: 20, dropped: 0 });
});

test("of more events than may wait the rest is dropped and counted, at once", async () => {
  const testing = await open(plugin("@acme/holder", HOLDER));
  const told = Array.from({ length: HOOK_LIMITS.waiting + 5 }, () =>
    testing.hook("customers.updated", {}),
  );
  for (const dropped of told.slice(-5))
    expect(await dropped).toMatchObject([{ ok: false, problem: { code: "host_busy" } }]);
  expect(testing.hookCounts("@acme/holder")).toMatchObject({ dropped: 5 });
});

test("a write that hooks listen to is answered before any of them is", async () => {
  const code = `export default {
    methods: { async write() { return (await this.api.customers.update(1, { city: "Ulm" })).city; } } };`;
  const testing = await open({
    ...plugin("@acme/writer", code),
    plugins: [plugin("@acme/holder", HOLDER)],
  });
  expect(await testing.call("write")).toBe("Ulm");
  expect(testing.hookCounts("@acme/holder")).toEqual({ delivered: 0, failed: 0, dropped: 0 });
});

/** A domain that announces each look at a customer, from a queue of its own: nobody knows what caused it. */
async function queueingDomain(): Promise<DomainPort & { stop(): void; announced(): number }> {
  const domain = await createSimulatedDomain({ seed: 1 });
  const queue: DomainEvent[] = [];
  const listeners = new Set<(event: DomainEvent) => void>();
  let announced = 0;
  const timer = setInterval(() => {
    for (const event of queue.splice(0)) {
      announced += 1;
      for (const listener of listeners) listener(event);
    }
  }, 1);
  return {
    call(method, args, context) {
      if (method === "customers.get")
        queue.push({ name: "customers.updated", payload: { origin: context.plugin } });
      return domain.call(method, args, context);
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => clearInterval(timer),
    announced: () => announced,
  };
}

test("a circle of events whose causes nobody knows comes to an end", async () => {
  const code = `export default {
    methods: { async start() { await this.api.customers.get(1); } },
    hooks: { async "customers.updated"() { await this.api.customers.get(1); } } };`;
  const domain = await queueingDomain();
  try {
    const testing = await open({
      ...plugin("@acme/ping", code),
      plugins: [plugin("@acme/pong", code)],
      domain,
    });
    await testing.call("start");
    const dropped = () =>
      testing.hookCounts("@acme/ping").dropped + testing.hookCounts("@acme/pong").dropped;
    await expect.poll(dropped, { timeout: 50_000 }).toBe(1);
    // Nobody was told about the last one, so nobody answers it.
    const announced = domain.announced();
    await sleep(200);
    expect(domain.announced()).toBe(announced);
    expect(testing.hookCounts("@acme/ping").delivered).toBeGreaterThanOrEqual(HOOK_LIMITS.burst);
  } finally {
    domain.stop();
  }
}, 60_000);
