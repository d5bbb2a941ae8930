import { describeError } from "./errors.ts";
import { log } from "./log.ts";

/** An error that nobody awaits, as of a callback, is a line in the log. */
export function reportError(error: unknown): void {
  const { name, message, stack } = describeError(error);
  log("error", `Uncaught in a callback: ${name}: ${message}\n${stack}`.trimEnd());
}
