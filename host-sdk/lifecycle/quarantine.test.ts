import { afterEach, beforeEach, expect, test } from "vitest";
import type { PluginRuntime } from "../runtime/plugin-runtime.ts";
import { createSupervisor } from "../runtime/supervisor.ts";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

const CODE = `export default { methods: { wait() { return new Promise(() => {}); }, hi() { return "hi"; } } };`;

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

test("a quarantined plugin is unloaded, and enable starts it again", async () => {
  let runtime: PluginRuntime | undefined;
  const host = await fixture.open({
    createRuntime: (asking) => (runtime = createSupervisor(asking)),
  });
  const loaded = new Set<string>();
  runtime?.on("state", ({ plugin, state }) => {
    if (state === "loaded") loaded.add(plugin);
  });
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: CODE });
  await host.install(HELLO, { grant: "requested" });
  const [id = ""] = loaded;
  while (host.plugin(HELLO).state === "active") {
    await host.call(HELLO, "hi");
    const waiting = codeOf(host.call(HELLO, "wait"));
    // The call has crossed when the plugin answers the next one.
    await host.call(HELLO, "hi");
    process.kill(runtime?.usage(id)?.pid ?? 0, "SIGABRT");
    expect(await waiting).toBe("plugin_crashed");
  }
  expect(host.plugin(HELLO).reason).toMatchObject({ code: "plugin_quarantined" });
  expect(runtime?.usage(id)).toBeUndefined();
  expect(await codeOf(host.call(HELLO, "hi"))).toBe("plugin_quarantined");
  await host.enable(HELLO);
  expect(await host.call(HELLO, "hi")).toBe("hi");
});
