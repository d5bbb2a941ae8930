import { expect, test } from "vitest";
import { staleness } from "./stale.ts";

const at = (day: number, hour = 0) => new Date(Date.UTC(2026, 10, day, hour));
const trust = (refreshed: number, signed: number) => ({
  refreshedAt: at(refreshed).toISOString(),
  signedAt: at(signed).toISOString(),
});

test("nothing is said for 48 hours from the last refresh, nor for three days from a signature", () => {
  expect(staleness(trust(10, 9), at(11, 23))).toBeNull();
  expect(staleness(trust(10, 10), at(12))).not.toBeNull();
});

test("a marketplace that answers and never has anything new is noticed after three days", () => {
  expect(staleness(trust(12, 9), at(11, 23))).toBeNull();
  expect(staleness(trust(12, 9), at(12))).toMatchObject({
    message: expect.stringContaining("as it signed at 2026-11-09T00"),
  });
});

test("then it is said until when plugins are installed, and later that none is", () => {
  expect(staleness(trust(10, 9), at(12))).toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(
      /^The marketplace was last verified at 2026-11-10T00.*keep running, until 2026-11-16T00/,
    ),
  });
  expect(staleness(trust(10, 9), at(16))).toMatchObject({
    code: "trust_metadata_expired",
    message: expect.stringContaining("nothing is installed or updated"),
  });
});
