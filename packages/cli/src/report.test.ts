import { expect, test } from "vitest";
import { runCli, HELLO, temporaryFolder, writeFiles } from "../fixtures/run-cli.ts";
import { errorText, type LocatedFinding } from "./report.ts";
import { codeFrame } from "./validate/frame.ts";

/** Clears the screen, starts a control sequence in one byte, and turns the direction of reading. */
const HOSTILE = "a\u001b[2Jb\u009b31mc\u202ed\re";

test("nothing of an error reaches the terminal as a control sequence", () => {
  const finding: LocatedFinding = {
    rule: "manifest_invalid_value",
    path: HOSTILE,
    message: HOSTILE,
    fix: HOSTILE,
  };
  const findings: LocatedFinding[] = [
    { ...finding, message: `${HOSTILE} too` },
    { ...finding, message: "b", file: HOSTILE, frame: `> 1 | ${HOSTILE}` },
  ];
  const stack = `    at ${HOSTILE}\n    at b`;
  const detail = { stack, fix: HOSTILE, findings };
  const text = errorText({ code: "plugin_threw", message: HOSTILE, detail });
  for (const char of ["\u001b[2J", "\u009b", "\u202e", "\r"]) expect(text).not.toContain(char);
  expect(text).toContain("    at a [2Jb 31mc d e\n    at b");
});

test("what a plugin throws is shown without control sequences, and whole with --json", async () => {
  const home = await writeFiles(await temporaryFolder(), {
    ...HELLO,
    "index.js": `export default class { x() { throw new Error(${JSON.stringify(HOSTILE)}) } }`,
  });
  const run = await runCli(["run", ".", "--call", "x"], { home });
  expect(run.code).toBe(4);
  expect(run.stderr).toContain("a [2Jb 31mc d e");
  const json = await runCli(["run", ".", "--call", "x", "--json"], { home });
  expect(json.json().error.message).toBe(HOSTILE);
});

test("the frame of a very long line stays short", () => {
  const text = `{${" ".repeat(1_000)}"a":1}`;
  const frame = codeFrame(text, { start: 0, end: text.length });
  expect(Math.max(...frame.split("\n").map((line) => line.length))).toBeLessThan(180);
});
