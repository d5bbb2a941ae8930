import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { createGate } from "./event-loop-turns.ts";

test("a gate lets so many begin in a turn and the others later, in order", async () => {
  const enter = createGate(2);
  const begun: number[] = [];
  const begin = async (number: number) => {
    const wait = enter();
    if (wait !== undefined) await wait;
    begun.push(number);
  };
  const all = [1, 2, 3, 4, 5].map(begin);
  expect(begun).toEqual([1, 2]);
  await setImmediate();
  expect(begun).toEqual([1, 2, 3, 4]);
  await Promise.all(all);
  expect(begun).toEqual([1, 2, 3, 4, 5]);
  await setImmediate();
  await begin(6);
  expect(begun.at(-1)).toBe(6);
});
