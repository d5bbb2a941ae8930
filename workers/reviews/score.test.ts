import { array, assert, integer, nat, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { bayesianScore, shownRating } from "./score.ts";

const given = array(integer({ min: 1, max: 5 }), { maxLength: 500 });
const of = (list: readonly number[]) => ({
  stars: list.reduce((sum, stars) => sum + stars, 0),
  ratings: list.length,
});

describe("bayesianScore", () => {
  test("puts many good ratings above one that is perfect, and none between good and bad", () => {
    const many = bayesianScore({ stars: 480, ratings: 100 });
    const one = bayesianScore({ stars: 5, ratings: 1 });
    const none = bayesianScore({ stars: 0, ratings: 0 });
    const bad = bayesianScore({ stars: 1, ratings: 1 });
    expect([many > one, one > none, none > bad]).toEqual([true, true, true]);
  });

  test("is between 1 and 5, and a better rating never lowers it", () => {
    assert(
      property(given, integer({ min: 1, max: 4 }), (list, stars) => {
        const worse = bayesianScore(of([...list, stars]));
        const better = bayesianScore(of([...list, stars + 1]));
        expect(better).toBeGreaterThan(worse);
        expect(worse).toBeGreaterThanOrEqual(1);
        expect(better).toBeLessThanOrEqual(5);
      }),
    );
  });

  test("comes nearer to the mean with every rating that is the mean", () => {
    assert(
      property(integer({ min: 1, max: 5 }), nat(10_000), (stars, ratings) => {
        const distance = (count: number) =>
          Math.abs(bayesianScore({ stars: stars * count, ratings: count }) - stars);
        expect(distance(ratings + 1)).toBeLessThan(distance(ratings));
      }),
    );
  });
});

test("shownRating has one decimal, and is null without ratings", () => {
  expect(shownRating({ stars: 0, ratings: 0 })).toBeNull();
  expect(shownRating({ stars: 13, ratings: 3 })).toBe(4.3);
  assert(
    property(array(integer({ min: 1, max: 5 }), { minLength: 1 }), (list) => {
      const shown = shownRating(of(list)) ?? Number.NaN;
      expect(shown * 10).toBeCloseTo(Math.round(shown * 10), 9);
      expect([shown >= 1, shown <= 5]).toEqual([true, true]);
    }),
  );
});
