import { afterAll, expect, test } from "vitest";
import { childCapMb, judge } from "./judge.ts";
import { createLaboratory } from "./start-laboratory.ts";

const laboratory = createLaboratory();
afterAll(() => laboratory.close());

test.for([
  ["a host whose event loop is held up", /^the host's event loop was held up for \d\d/],
  ["a host that tells a secret", /^a secret is visible: .*canary-/],
  ["a host that tells a path", /^a secret is visible: .*shams/],
  ["a host that ends", /^the host process ended: SIGKILL/],
  ["a neighbour that is gone", /^the neighbour failed: .*disabled/],
  ["a neighbour whose process is stopped", /^the neighbour answered \d+(\.\d+)? ms late/],
  ["another code", /^the code is ok instead of limit_cpu/],
  ["another result", /^the result is 1/],
] as const)("%s is noticed", async ([name, reason]) => {
  expect((await laboratory.run("shams", name))[0]).toMatch(reason);
});

test("a child above its cap and processes that are left are noticed", () => {
  const contained = {
    code: "ok",
    result: null,
    seen: "",
    stallMs: 1,
    lateMs: 1,
    faults: [],
    leftChildren: 0,
    ms: 1,
  };
  const surroundings = { childMb: childCapMb(), secrets: ["secret"], slowness: 1 };
  const payload = { expect: "ok" };
  expect(judge(payload, contained, surroundings)).toEqual({ broken: [], slow: [] });
  const above = judge(payload, contained, { ...surroundings, childMb: childCapMb() + 1 });
  expect(above.broken).toEqual([expect.stringMatching(/^a child took/)]);
  const left = judge(payload, { ...contained, leftChildren: 1 }, surroundings);
  expect(left.broken).toEqual(["1 processes too many are left"]);
});
