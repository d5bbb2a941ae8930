import { expect, test } from "vitest";
import { isCron } from "./cron.ts";

test.each([
  "* * * * *",
  "0 7 * * 1-5",
  "*/15 0-23/2 1,15 1-12 0,7",
  "59 23 31 12 7",
  "0 7 * * MON-FRI",
  "0 0 L * *",
  "0 9 * JAN 5#2",
])("%s is a cron expression", (text) => {
  expect(isCron(text)).toBe(true);
});

test.each([
  "",
  "* * * *",
  "* * * * * *",
  "60 * * * *",
  "* 24 * * *",
  "* * 0 * *",
  "* * * 13 *",
  "* * * * 8",
  "5-1 * * * *",
  "*/0 * * * *",
  "1,,2 * * * *",
  "@daily",
  "2026-01-01T00:00:00",
  "? * * * *",
  "0 0 * * +1",
  "5/15 * * * *",
  "*/90 * * * *",
  "*\t* * * * *",
  `${"*,".repeat(40_000)}* * * * 9`,
  "a * * * *",
  "*  * * * *",
  "* * * * * ",
])("%j is none", (text) => {
  expect(isCron(text)).toBe(false);
});
