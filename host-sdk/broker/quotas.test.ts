import { RATE_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { createQuotas, type PerMinute, type Quota } from "./quotas.ts";

const QUOTAS: readonly Quota[] = ["hostCalls", "writes", "notifications", "fetches"];

/** How many of `tries` are let through at `now`. */
function counter(perMinute: PerMinute = {}) {
  const quotas = createQuotas(perMinute);
  return (tries: number, { quota = "writes", now = 0, plugin = "@acme/a" }: Partial<At> = {}) => {
    let taken = 0;
    for (let n = 0; n < tries; n += 1) {
      try {
        quotas.take(plugin, quota, now);
        taken += 1;
      } catch (error) {
        if (!(error instanceof RbsmError)) throw error;
      }
    }
    return taken;
  };
}

interface At {
  readonly quota: Quota;
  readonly now: number;
  readonly plugin: string;
}

test.each(QUOTAS)("%s: a minute's calls at once are let through, and none more", (quota) => {
  const take = counter();
  expect(take(RATE_LIMITS[quota] + 1, { quota })).toBe(RATE_LIMITS[quota]);
});

test.each(QUOTAS)(
  "%s come back one after the other, evenly, and never more than a minute's",
  (quota) => {
    const take = counter();
    const limit = RATE_LIMITS[quota];
    take(limit, { quota });
    const each = 60_000 / limit;
    expect(take(1, { quota, now: each - 1 })).toBe(0);
    expect(take(2, { quota, now: each })).toBe(1);
    expect(take(limit, { quota, now: 30_000 })).toBe(limit / 2 - 1);
    expect(take(2 * limit, { quota, now: 600_000 })).toBe(limit);
  },
);

test("plugins and quotas do not share", () => {
  const take = counter({ writes: 2 });
  expect(take(3)).toBe(2);
  expect(take(3, { plugin: "@acme/b" })).toBe(2);
  expect(take(3, { quota: "fetches" })).toBe(3);
});

test("the refusal says how long to wait, and after that it goes", () => {
  const quotas = createQuotas({ notifications: 3 });
  for (let n = 0; n < 3; n += 1) quotas.take("@acme/a", "notifications", 1_000);
  const refused = () => quotas.take("@acme/a", "notifications", 5_000);
  expect(refused).toThrow(
    expect.objectContaining({
      code: "limit_calls",
      message: "A plugin may make 3 notifications a minute; the next one in 16000 ms",
      detail: expect.objectContaining({ retryAfterMs: 16_000 }),
    }),
  );
  expect(() => quotas.take("@acme/a", "notifications", 20_999)).toThrow("in 1 ms");
  quotas.take("@acme/a", "notifications", 21_000);
});

test("a limit that divides a minute unevenly still lets exactly its number through", () => {
  for (const limit of [1, 7, 13, 61, 997]) {
    expect(counter({ writes: limit })(limit + 1), String(limit)).toBe(limit);
  }
  expect(counter({ writes: 0 })(1)).toBe(0);
});

test("a clock that is set back locks nobody out for longer than a minute", () => {
  const take = counter({ writes: 60 });
  expect(take(60, { now: 10_000_000 })).toBe(60);
  expect(take(1, { now: 0 })).toBe(0);
  expect(take(1, { now: 1_000 })).toBe(1);
});
