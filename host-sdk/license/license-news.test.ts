import * as fc from "fast-check";
import { expect, test } from "vitest";
import { newsOf, toldOf, type Tellable } from "./license-news.ts";

const license: fc.Arbitrary<Tellable> = fc.record({
  plugin: fc.constantFrom("@a/a", "@a/b", "@a/c"),
  state: fc.constantFrom("none", "active", "grace", "restricted"),
  warning: fc.constantFrom(null, "restricted", "refused", "clone", "renewal", "overage"),
  stateUntil: fc.constant(null),
  refusal: fc.constant(null),
  kind: fc.constant("subscription"),
});
const licenses = fc
  .uniqueArray(license, { selector: ({ plugin }) => plugin })
  .map((all) => all.map((one) => (one.state === "none" ? { ...one, warning: null } : one)));

test("what was told is not told again", () => {
  fc.assert(
    fc.property(licenses, (now) => {
      expect(newsOf(now, toldOf(now), "at")).toEqual([]);
    }),
  );
});

test("events lead from what was told to what is, without a gap", () => {
  fc.assert(
    fc.property(licenses, licenses, (before, now) => {
      const told = toldOf(before);
      const gone = before.filter(({ plugin }) => !now.some((one) => one.plugin === plugin));
      const all = [
        ...now,
        ...gone.map((one) => ({ ...one, state: "none" as const, warning: null })),
      ];
      for (const { plugin, before: from, state, reason } of newsOf(all, told, "at")) {
        const known = before.find((one) => one.plugin === plugin);
        expect(from).toBe(known?.state ?? "none");
        expect(reason === "warned").toBe(from === state);
        expect(state).toBe(all.find((one) => one.plugin === plugin)?.state);
      }
    }),
  );
});
