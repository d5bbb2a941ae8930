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
  const logs = new Map<string, Kept>();
  return {
    write(plugin, line) {
      const kept = logs.get(plugin) ?? { lines: [], chars: 0 };
      logs.set(plugin, kept);
      kept.lines.push(line);
      kept.chars += charsOf(line);
      while (isTooMuch(kept)) {
        const oldest = kept.lines.shift();
        if (oldest !== undefined) kept.chars -= charsOf(oldest);
      }
    },
    read(plugin, { limit = Infinity, level = "debug" } = {}) {
      const lowest = LOG_LEVELS.indexOf(level);
      const chosen = (logs.get(plugin)?.lines ?? []).filter(
        (line) => LOG_LEVELS.indexOf(line.level) >= lowest,
      );
      return chosen.slice(Math.max(0, chosen.length - limit));
    },
    forget: (plugin) => void logs.delete(plugin),
  };
}

interface Kept {
  readonly lines: LogLine[];
  chars: number;
}

function isTooMuch({ lines, chars }: Kept): boolean {
  return lines.length > HISTORY_LIMITS.logLines || chars > HISTORY_LIMITS.logChars;
}

function charsOf({ message, fields }: LogLine): number {
  return message.length + (fields === undefined ? 0 : JSON.stringify(fields).length);
}
