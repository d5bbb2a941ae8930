import { CronPattern } from "croner";

/** No `?`, `+`, nicknames or dates, which croner takes too; one space between fields. */
const FIVE_FIELDS = /^[\dA-Z*,/#-]+(?: [\dA-Z*,/#-]+){4}$/;

/**
 * Whether the text is a cron expression of five fields (minute, hour, day, month, weekday), as
 * croner reads them: lists, ranges and steps, `MON` and `JAN`, `L` for the last day of the month,
 * `5#2` for the second Friday. Never asks what time it is.
 */
export function isCron(text: string): boolean {
  if (!FIVE_FIELDS.test(text)) return false;
  try {
    return new CronPattern(text, undefined, { mode: "5-part" }).pattern !== "";
  } catch {
    return false;
  }
}
