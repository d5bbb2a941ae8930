import { EXIT } from "../exit-code.ts";
import { plainText } from "../plain-text.ts";
import { paint, type Report } from "../report.ts";
import type { Check, Examination } from "./examine.ts";

/** All checks, for people a line each with a fix below it; exit code 1 when one fails. */
export function doctorReport({ containment, checks }: Examination): Report {
  const failed = checks.filter(({ state }) => state === "fails");
  const text = [...checks.flatMap(checkLines), "", summary(checks)].join("\n");
  if (failed.length === 0) return { data: { containment, checks }, text };
  const [first] = failed;
  return {
    data: { containment, checks },
    text,
    exit: EXIT.internal,
    error: {
      code: "unavailable",
      message: `${failed.length} of ${checks.length} checks failed`,
      detail: first?.fix === undefined ? {} : { fix: first.fix },
    },
  };
}

const MARKS = {
  ok: ["green", "ok   "],
  weak: ["yellow", "weak "],
  fails: ["red", "fails"],
} as const;

function checkLines({ name, state, detail, fix }: Check): string[] {
  const [colour, mark] = MARKS[state];
  const line = `${paint(colour, mark)}  ${name.padEnd(23)} ${plainText(detail)}`;
  return fix === undefined ? [line] : [line, `       fix: ${plainText(fix)}`];
}

function summary(checks: readonly Check[]): string {
  const count = (state: Check["state"]) => checks.filter((check) => check.state === state).length;
  if (count("fails") > 0) return "Not everything works: see the fixes above.";
  if (count("weak") > 0) return `Plugins run here; ${count("weak")} layers of protection are off.`;
  return "Plugins run here, in every layer of protection.";
}
