import { CALL_LIMITS, STORAGE_LIMITS } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { budgetOf } from "../runtime/call-budget.ts";
import { codeOf, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { type AllowedLimits, grantedLimits, storageBytesOf } from "./granted-limits.ts";

const CODE = `export default { methods: { wait() { return new Promise(() => {}); }, spin() { for (;;); } } };`;

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

async function opened(limits: AllowedLimits | undefined) {
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
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code: CODE });
  const limits = { wallMs: 1_500, cpuMs: 50, memoryMb: 16, storageMb: 1 };
  const host = await opened(limits);
  expect(host.plugin(HELLO).limits).toEqual(limits);
  const waits = codeOf(host.call(HELLO, "wait"));
  expect(await elapsed(waits)).toBeLessThan(5_000);
  expect(await waits).toBe("limit_wall");
  expect(await codeOf(host.call(HELLO, "spin"))).toBe("limit_cpu");
});

test("they hold for every kind of call, and never raise one", () => {
  const allowance = grantedLimits({}, { wallMs: 30_000, cpuMs: 20 });
  const { hookWallMs, methodWallMs } = CALL_LIMITS;
  const budget = (kind: "hook" | "method" | "schedule") => budgetOf({ kind }, allowance);
  expect(budget("hook")).toEqual({ cpuMs: 20, wallMs: hookWallMs });
  expect(budget("method")).toEqual({ cpuMs: 20, wallMs: methodWallMs });
  expect(budget("schedule")).toEqual({ cpuMs: 20, wallMs: 30_000 });
});

test("a plugin gets what it asks for up to the administrator's limits", async () => {
  const limits = { wallMs: 60_000, cpuMs: 2_000, memoryMb: 64, storageMb: 20 };
  await fixture.market.publish({ name: HELLO, version: "1.0.0", manifest: { limits } });
  const { memoryMb, methodCpuMs, methodWallMs } = CALL_LIMITS;
  const host = await opened(undefined);
  expect(host.plugin(HELLO).limits).toEqual({
    wallMs: methodWallMs,
    cpuMs: methodCpuMs,
    memoryMb,
    storageMb: 5,
  });
  await host.close();
  const generous = await opened({ wallMs: 20_000, cpuMs: 10_000, memoryMb: 128, storageMb: 8 });
  expect(generous.plugin(HELLO).limits).toEqual({
    wallMs: 20_000,
    cpuMs: 2_000,
    memoryMb: 64,
    storageMb: 8,
  });
});

test.each([
  [{}, {}, 5],
  [{ storageMb: 2 }, {}, 2],
  [{ storageMb: 20 }, {}, 5],
  [{ storageMb: 20 }, { storageMb: 8 }, 8],
  [{ storageMb: 8 }, { storageMb: 20 }, 8],
  [{}, { storageMb: 1 }, 1],
  [{}, { storageMb: 20 }, 5],
])("storage asked for %o, allowed %o: %i MB", (asked, allowed, megabytes) => {
  expect(storageBytesOf(asked, allowed)).toBe(megabytes * 1_048_576);
});

test("the storage that was granted can be filled to the last byte", async () => {
  const code = `export default { methods: {
    fill(key, letters) { return this.api.storage.set(key, "x".repeat(letters)); },
    clear(key) { return this.api.storage.delete(key); },
  } };`;
  const manifest = { limits: { storageMb: 6 } };
  await fixture.market.publish({ name: HELLO, version: "1.0.0", code, manifest });
  const host = await opened({ storageMb: 6 });
  const whole = STORAGE_LIMITS.valueBytes - 2; // two more are the quotes of its JSON
  const fill = (key: string, letters: number) => codeOf(host.call(HELLO, "fill", [key, letters]));
  for (let n = 0; n < 23; n += 1) expect(await fill(`key${n}`, whole)).toBe("ok");
  expect(await fill("last", whole + 1)).toBe("limit_storage"); // one value's limit
  expect(await fill("last", whole)).toBe("ok");
  expect(await host.usage(HELLO)).toMatchObject({ storageBytes: 6 * 1_048_576 });
  expect(await fill("more", 0)).toBe("limit_storage");
  await host.call(HELLO, "clear", ["last"]);
  expect(await fill("more", 0)).toBe("ok");
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
