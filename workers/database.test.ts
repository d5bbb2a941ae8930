import { expect, test } from "vitest";
import { isDatabaseAway } from "./database.ts";

test.each([
  ["D1_ERROR: Network connection lost.", true],
  ["D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.", true],
  ["D1 DB is overloaded. Requests queued for too long.", true],
  ["D1_ERROR: database is locked: SQLITE_BUSY", true],
  ["D1_ERROR: something that is not known yet", true],
  ["D1_ERROR: no such column: x: SQLITE_ERROR", false],
  ["D1_ERROR: UNIQUE constraint failed: plugins.name: SQLITE_CONSTRAINT", false],
  ["Cannot read properties of undefined", false],
])("%s: the database is away is %s", (message, expected) => {
  expect(isDatabaseAway(new Error(message))).toBe(expected);
  expect(isDatabaseAway(new Error("Failed query", { cause: new Error(message) }))).toBe(expected);
  expect(isDatabaseAway(message)).toBe(false);
});
