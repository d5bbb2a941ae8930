import { expect, test } from "vitest";
import { createAnswerLane } from "./answer-lane.ts";
import type { Frame } from "./frames.ts";

const MEGABYTE = 1_000_000;
const answer = (id: number, length: number): Frame => ({
  type: "hostResult",
  id,
  head: {},
  body: "x".repeat(length),
});

function pipe() {
  const written: number[] = [];
  const taken: (() => void)[] = [];
  const lane = createAnswerLane((frame, onTaken) => {
    written.push(frame.id);
    taken.push(onTaken);
  });
  return { lane, written, take: () => taken.shift()?.() };
}

test("large answers go one after the other, as the child takes them", () => {
  const { lane, written, take } = pipe();
  for (const id of [1, 2, 3]) lane.send(answer(id, 2 * MEGABYTE));
  expect(written).toEqual([1]);
  take();
  expect(written).toEqual([1, 2]);
  take();
  take();
  expect(written).toEqual([1, 2, 3]);
});

test("small answers do not wait for each other", () => {
  const { lane, written } = pipe();
  for (let id = 0; id < 100; id += 1) lane.send(answer(id, 100));
  expect(written).toHaveLength(100);
});

test("a plugin that does not take its answers asks for no more until it does", async () => {
  const { lane, take } = pipe();
  expect(lane.room()).toBeUndefined();
  for (let id = 0; id < 5; id += 1) lane.send(answer(id, MEGABYTE));
  const room = lane.room();
  expect(room).toBeInstanceOf(Promise);
  take();
  await room;
  expect(lane.room()).toBeUndefined();
});
