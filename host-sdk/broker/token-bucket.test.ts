import { expect, test } from "vitest";
import { createTokenBucket } from "./token-bucket.ts";

test("a burst passes, then as many a second as allowed, and no more are saved than a burst", () => {
  const take = createTokenBucket({ burst: 3, perSecond: 2 });
  const taken = (at: number) => [1, 2, 3, 4].map(() => take(at) === 0);
  expect(taken(0)).toEqual([true, true, true, false]);
  expect(taken(499)).toEqual([false, false, false, false]);
  expect(taken(1_000)).toEqual([true, true, false, false]);
  expect(taken(60_000)).toEqual([true, true, true, false]);
});
