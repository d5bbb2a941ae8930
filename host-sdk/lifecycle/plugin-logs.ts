import type { LogEntry } from "../runtime/plugin-runtime.ts";

/** Lines kept of each plugin; older ones go. */
const LINES_KEPT = 500;

/** One line that a plugin wrote. */
export interface LogLine extends LogEntry {
  /** ISO time. */
  readonly at: string;
  readonly version: string;
}

/** The newest log lines of each plugin, in memory. */
export interface PluginLogs {
  write(plugin: string, line: LogLine): void;
  read(plugin: string): readonly LogLine[];
  forget(plugin: string): void;
}

/** Empty logs. */
export function createPluginLogs(): PluginLogs {
  const lines = new Map<string, LogLine[]>();
  return {
    write(plugin, line) {
      const kept = lines.get(plugin) ?? [];
      kept.push(line);
      if (kept.length > LINES_KEPT) kept.splice(0, kept.length - LINES_KEPT);
      lines.set(plugin, kept);
    },
    read: (plugin) => [...(lines.get(plugin) ?? [])],
    forget: (plugin) => void lines.delete(plugin),
  };
}
