import { setTimeout as sleep } from "node:timers/promises";
import { utf8 } from "@rising-bsm/protocol";
import { afterEach, expect, test } from "vitest";
import { codeOf } from "../testing/expectations.ts";
import { createTestHost, type TestHost, type TestPlugin } from "../testing/test-host.ts";

let host: TestHost | undefined;
afterEach(() => host?.close());

function plugin(name: string, code: string, manifest: object = {}): TestPlugin {
  const required = { name, version: "1.0.0", main: "index.js", permissions: [], dependencies: {} };
  return {
    files: new Map([
      ["manifest.json", utf8(JSON.stringify({ ...required, ...manifest }))],
      ["index.js", utf8(code)],
    ]),
  };
}

test("two plugins that answer each other's events come to an end", async () => {
  const code = `let heard = 0; export default {
    methods: { heard() { return heard; }, async start() { await this.api.customers.update(1, { city: "Ulm" }); } },
    hooks: { async "customers.updated"() { heard += 1; await this.api.customers.update(1, { city: "Ulm " + heard }); } },
  };`;
  const manifest = {
    permissions: ["customers.view", "customers.edit"],
    hooks: ["customers.updated"],
  };
  const other = plugin("@acme/pong", code, manifest);
  host = await createTestHost({ ...plugin("@acme/ping", code, manifest), plugins: [other] });
  await host.call("start");
  await expect.poll(() => host?.call("heard"), { timeout: 15_000 }).toBe(4);
  await sleep(200);
  expect(await host.call("heard")).toBe(4);
});

test("a call to another plugin ends with the call that made it", async () => {
  const slow = `let begun = 0; export default { methods: {
    never() { begun += 1; return new Promise(() => {}); },
    begun() { return begun; },
    busy(open) { return open; },
  } };`;
  const code = `export default { methods: {
    wait() { return this.api.plugins.call("@acme/slow", "never"); },
    begun() { return this.api.plugins.call("@acme/slow", "begun"); },
    async fill(count) { return (await Promise.allSettled(Array.from({ length: count }, () => this.api.plugins.call("@acme/slow", "busy", 1)))).map((one) => one.status); },
  } };`;
  const dependencies = { "@acme/slow": "*" };
  const calling = await createTestHost({
    ...plugin("@acme/caller", code, { dependencies }),
    plugins: [plugin("@acme/slow", slow)],
  });
  host = calling;
  // More than may be open at a time: they could not all begin if one of them were still open.
  for (let round = 1; round <= 5; round += 1) {
    const giveUp = new AbortController();
    const waiting = Array.from({ length: 32 }, () =>
      codeOf(calling.call("wait", [], { signal: giveUp.signal })),
    );
    await expect.poll(() => calling.call("begun"), { timeout: 15_000 }).toBe(32 * round);
    giveUp.abort();
    for (const code of await Promise.all(waiting)) expect(code).toBe("cancelled");
  }
  expect(await calling.call("fill", [20])).toEqual(Array.from({ length: 20 }, () => "fulfilled"));
});
