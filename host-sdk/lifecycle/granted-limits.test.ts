import { CALL_LIMITS } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

const CODE = `export default { methods: { wait() { return new Promise(() => {}); }, spin() { for (;;); } },
  hooks: { "customers.created"() { return new Promise(() => {}); } } };`;

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

async function opened(limits: { cpuMs?: number; wallMs?: number; memoryMb?: number } | undefined) {
  const host = await fixture.open(limits === undefined ? {} : { limits });
  await host.install(HELLO, { grant: "requested" });
  return host;
}

async function elapsed(work: Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work;
  return performance.now() - begin;
}

test("the administrator's limits lower the defaults of a plugin that asks for none", async () => {
  const manifest = { hooks: ["customers.created"] };
  const permissions = ["customers.view"];
  await fixture.market.publish({
    name: HELLO,
    version: "1.0.0",
    code: CODE,
    manifest,
    permissions,
  });
  const host = await opened({ wallMs: 200, cpuMs: 100, memoryMb: 16 });
  expect(host.plugin(HELLO).limits).toEqual({ wallMs: 200, cpuMs: 100, memoryMb: 16 });
  const waits = codeOf(host.call(HELLO, "wait"));
  expect(await elapsed(waits)).toBeLessThan(2_000);
  expect(await waits).toBe("limit_wall");
  expect(await codeOf(host.call(HELLO, "spin"))).toBe("limit_cpu");
  const told = host.emit("customers.created", {});
  expect(await elapsed(told)).toBeLessThan(CALL_LIMITS.hookWallMs);
  expect(await told).toMatchObject([{ ok: false }]);
});

test("a plugin gets what it asks for up to the administrator's limits", async () => {
  const limits = { wallMs: 60_000, cpuMs: 2_000, memoryMb: 64 };
  await fixture.market.publish({ name: HELLO, version: "1.0.0", manifest: { limits } });
  const { memoryMb, methodCpuMs, methodWallMs } = CALL_LIMITS;
  const host = await opened(undefined);
  expect(host.plugin(HELLO).limits).toEqual({
    wallMs: methodWallMs,
    cpuMs: methodCpuMs,
    memoryMb,
  });
  await host.close();
  const generous = await opened({ wallMs: 20_000, cpuMs: 10_000, memoryMb: 128 });
  expect(generous.plugin(HELLO).limits).toEqual({ wallMs: 20_000, cpuMs: 2_000, memoryMb: 64 });
});

test("a call over HTTP gets no more time than the plugin was granted", async () => {
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: CODE });
  const host = await opened({ wallMs: 300 });
  const call = (deadlineMs: number) =>
    host.handle(
      new Request(`http://host.example/api/plugins/${HELLO}/call`, {
        method: "POST",
        body: JSON.stringify({ method: "wait", deadlineMs }),
      }),
      { base: "", actor: { id: "2", permissions: ["plugin.view"] } },
    );
  const answer = call(60_000);
  expect(await elapsed(answer)).toBeLessThan(5_000);
  expect(await (await answer).json()).toMatchObject({ code: "limit_wall" });
});
