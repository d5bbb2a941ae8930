import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { bundlePath } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createHttpSend, type Send } from "../client/send.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

let fixture: HostFixture;
let hanging: Server;
beforeEach(async () => {
  fixture = await createHostFixture();
  hanging = createServer((_request, response) => {
    response.writeHead(200);
    response.write("PK");
  }).listen(0, "127.0.0.1");
  await once(hanging, "listening");
});
afterEach(async () => {
  hanging.closeAllConnections();
  hanging.close();
  await fixture.close();
});

test("closing cancels a download that hangs, and the next start finds nothing half done", async () => {
  const { sha256 } = await fixture.market.publish({ name: HELLO, version: "1.0.0" });
  const address = hanging.address();
  const port = typeof address === "object" ? address?.port : 0;
  const direct = createHttpSend({ base: new URL(fixture.market.url) });
  const slow = createHttpSend({ base: new URL(`http://127.0.0.1:${port}`) });
  let reached = () => {};
  const downloading = new Promise<void>((resolve) => (reached = resolve));
  const send: Send = async (request) => {
    if (request.path !== bundlePath(sha256)) return direct(request);
    const answer = await slow(request);
    reached();
    return answer;
  };
  const { url, root } = fixture.market;
  const store = createMemoryStore();
  const open = { store: { ...store, close: async () => undefined } };
  const host = await fixture.open({ ...open, marketplace: { url, root, send } });
  const installing = codeOf(host.install(HELLO));
  await downloading;
  const startedAt = performance.now();
  await host.close();
  // Without being cancelled it would have waited for 15 s of silence and tried again.
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(await installing).toBe("cancelled");
  const next = await fixture.open(open);
  expect(next.plugins()).toEqual([]);
  expect(await store.list("install-journal")).toEqual([]);
  expect(await next.install(HELLO)).toMatchObject({ state: "active" });
});

test("a schedule that runs is cancelled when the host closes", async () => {
  const code = `export default { schedules: { long() { return new Promise(() => {}); } } };`;
  const manifest = { schedules: [{ name: "long", cron: "0 3 * * *" }] };
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code, manifest });
  const host = await fixture.open();
  await host.install(HELLO);
  const running = codeOf(host.runSchedule(HELLO, "long"));
  await expect.poll(() => host.schedules(HELLO)).toMatchObject([{ running: true }]);
  const startedAt = performance.now();
  await host.close();
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(await running).toBe("cancelled");
});
