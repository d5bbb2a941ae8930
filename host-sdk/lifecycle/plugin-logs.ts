import { HISTORY_LIMITS } from "@rising-bsm/protocol";
import { LOG_LEVELS, type LogEntry } from "../runtime/plugin-runtime.ts";

/** One line that a plugin wrote. */
export interface LogLine extends LogEntry {
  /** ISO time. */
  readonly at: string;
  readonly version: string;
  /** The same for all lines of one call. */
  readonly call: string;
}

/** Which lines to read. */
export interface LogChoice {
  /** At most so many, the newest. */
  readonly limit?: number;
  /** This level and those above it. */
  readonly level?: LogEntry["level"];
}

/** The newest log lines of each plugin, in memory. */
export interface PluginLogs {
  write(plugin: string, line: LogLine): void;
  /** Oldest first. */
  read(plugin: string, choice?: LogChoice): readonly LogLine[];
  forget(plugin: string): void;
}

/** Empty logs. */
export function createPluginLogs(): PluginLogs {
  const lines = new Map<string, LogLine[]>();
  return {
    write(plugin, line) {
      const kept = lines.get(plugin) ?? [];
      kept.push(line);
      if (kept.length > HISTORY_LIMITS.logLines) kept.shift();
      lines.set(plugin, kept);
    },
    read(plugin, { limit = Infinity, level = "debug" } = {}) {
      const lowest = LOG_LEVELS.indexOf(level);
      const chosen = (lines.get(plugin) ?? []).filter(
        (line) => LOG_LEVELS.indexOf(line.level) >= lowest,
      );
      return chosen.slice(Math.max(0, chosen.length - limit));
    },
    forget: (plugin) => void lines.delete(plugin),
  };
}
