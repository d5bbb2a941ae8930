import { HISTORY_LIMITS } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { createPluginLogs, type LogLine } from "./plugin-logs.ts";

const line = (message: string, more: Partial<LogLine> = {}): LogLine => ({
  level: "info",
  message,
  at: "2026-01-01T00:00:00.000Z",
  version: "1.0.0",
  call: "c",
  ...more,
});

test("the newest lines of a plugin are kept, and no more than so many", () => {
  const logs = createPluginLogs();
  for (let at = 0; at < HISTORY_LIMITS.logLines + 3; at += 1) logs.write("a", line(String(at)));
  const kept = logs.read("a");
  expect(kept).toHaveLength(HISTORY_LIMITS.logLines);
  expect(kept[0]?.message).toBe("3");
});

test("long lines and fields count by their length: what a plugin says never fills the host's memory", () => {
  const logs = createPluginLogs();
  const long = "x".repeat(65_536);
  for (let at = 0; at < 100; at += 1) {
    logs.write("a", line(long, { call: String(at) }));
    logs.write("b", line("short", { call: String(at), fields: { long } }));
  }
  logs.write("c", line("other"));
  for (const plugin of ["a", "b"]) {
    const kept = logs.read(plugin);
    expect(JSON.stringify(kept).length).toBeLessThan(HISTORY_LIMITS.logChars * 1.1);
    expect(kept.length).toBeGreaterThan(10);
    expect(kept.at(-1)?.call).toBe("99");
  }
  expect(logs.read("c")).toHaveLength(1);
});
