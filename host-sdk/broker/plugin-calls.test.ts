import { expect, test } from "vitest";
import { codeOf } from "../testing/expectations.ts";
import { createTestHost, type TestHost } from "../testing/test-host.ts";

interface Source {
  readonly name: string;
  readonly permissions?: string[];
  readonly dependencies?: Record<string, string>;
  readonly code: string;
}

function filesOf({ name, permissions = [], dependencies = {}, code }: Source) {
  const manifest = { name, version: "1.0.0", main: "main.js", permissions, dependencies };
  const files = { "manifest.json": JSON.stringify(manifest), "main.js": code };
  return new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
}

const CALLEE: Source = {
  name: "@acme/callee",
  permissions: ["customers.view"],
  code: `export default { methods: {
    count() { return this.api.customers.list().then(({ total }) => total); },
    remove() { return this.api.customers.delete(1); },
    wait() { return new Promise(() => {}); },
  } };`,
};
const CALLER: Source = {
  name: "@acme/caller",
  permissions: ["customers.delete"],
  dependencies: { "@acme/callee": "*" },
  code: `export default { methods: {
    ask(method) { return this.api.plugins.call("@acme/callee", method); },
    count() { return this.api.customers.list(); },
    self() { return this.api.plugins.call("@acme/caller", "count"); },
  } };`,
};

async function withHost(work: (host: TestHost) => Promise<void>): Promise<void> {
  const plugins = [{ files: filesOf(CALLEE) }];
  const host = await createTestHost({ files: filesOf(CALLER), plugins });
  try {
    await work(host);
  } finally {
    await host.close();
  }
}

test("a called plugin works with its own grants, not with its caller's", () =>
  withHost(async (host) => {
    expect(await host.call("ask", ["count"])).toBe(20);
    expect(await codeOf(host.call("count"))).toBe("permission_denied");
    expect(await codeOf(host.call("ask", ["remove"]))).toBe("permission_denied");
    expect(host.denied()).toEqual([
      { plugin: "@acme/caller", method: "customers.list", permission: "customers.view" },
      { plugin: "@acme/callee", method: "customers.delete", permission: "customers.delete" },
    ]);
  }));

test("the user stays the same all the way down", () =>
  withHost(async (host) => {
    const may = { id: 1, permissions: ["customers.view"] };
    const mayNot = { id: 1, permissions: ["customers.delete"] };
    expect(await host.call("ask", ["count"], { actor: may })).toBe(20);
    expect(await codeOf(host.call("ask", ["count"], { actor: mayNot }))).toBe("permission_denied");
  }));

test("a called plugin ends when its caller's time is over, and serves the next call", () =>
  withHost(async (host) => {
    expect(await codeOf(host.call("ask", ["wait"], { deadlineMs: 400 }))).toBe("limit_wall");
    expect(await host.call("ask", ["count"])).toBe(20);
  }));

test("a plugin does not call itself, nor one that it does not depend on", () =>
  withHost(async (host) => {
    expect(await codeOf(host.call("self"))).toBe("permission_denied");
  }));
