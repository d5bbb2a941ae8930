import type { Command } from "commander";
import type { Report } from "./report.ts";

/** What every command gets: the surroundings of the process, passed in so nothing is read twice. */
export interface Cli {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly json: boolean;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Progress or a warning for a person, on stderr. */
  readonly note: (text: string) => void;
}

type Action<Args extends unknown[]> = (cli: Cli, ...args: Args) => Promise<Report>;

/** Turns an action into the handler that commander calls. */
export type Run = <Args extends unknown[]>(
  action: Action<Args>,
) => (...args: Args) => Promise<void>;

/** Defines one command; its action imports what is heavy only when it runs. */
export type DefineCommand = (run: Run) => Command;
