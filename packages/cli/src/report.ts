import { styleText } from "node:util";
import type { ErrorCode, ErrorDetail, Finding } from "@rising-bsm/protocol";
import { EXIT, exitCode } from "./exit-code.ts";
import { plainLines } from "./plain-text.ts";

/** A finding with its place in a file, as `validate`, `build` and `deploy` print it. */
export interface LocatedFinding extends Finding {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** The source line with a caret under the place. */
  readonly frame?: string;
}

/** A failure as commands report it; an RbsmError is one. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly detail: ErrorDetail;
}

/** What a command answers: the fields of its JSON object, the text for a person, maybe a failure. */
export interface Report {
  readonly data: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly error?: Failure;
  /** Instead of the exit code that belongs to the error. */
  readonly exit?: number;
}

type Format = Parameters<typeof styleText>[0];

/** Colours text for the stream it goes to; plain when that is no terminal or NO_COLOR is set. */
export function paint(
  format: Format,
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  return styleText(format, text, { stream });
}

/** The one JSON object a command prints with `--json`. */
export function reportJson(report: Report): string {
  const { error, data } = report;
  if (error === undefined) return JSON.stringify({ ok: true, ...data });
  return JSON.stringify({ ok: false, error: errorJson(error), ...data });
}

function errorJson(error: Failure): Record<string, unknown> {
  const { fix, findings, stack } = error.detail;
  return {
    code: error.code,
    message: error.message,
    ...(fix === undefined ? {} : { fix }),
    ...(findings === undefined ? {} : { findings: findings.map(withoutFrame) }),
    // Of a plugin's own error: frames of the plugin, nothing of the host.
    ...(typeof stack === "string" && stack !== "" ? { stack } : {}),
  };
}

function withoutFrame(finding: LocatedFinding): LocatedFinding {
  const { frame: _frame, ...rest } = finding;
  return rest;
}

/**
 * A failure as a person reads it on stderr. Messages, names and source lines come from plugins and
 * bundles too, so nothing of them reaches the terminal as a control sequence.
 */
export function errorText(error: Failure): string {
  const { fix, findings, stack } = error.detail;
  const head = `${red("error")} ${dim(error.code)} ${plainLines(error.message)}`;
  // A single finding may say what the error says already.
  const lines = (findings ?? [])
    .filter((finding) => finding.message !== error.message)
    .map(findingText);
  const frames = typeof stack === "string" && stack !== "" ? [dim(plainLines(stack))] : [];
  return [head, ...frames, ...lines, ...(fix === undefined ? [] : [fixLine(fix)])].join("\n");
}

function findingText(finding: LocatedFinding): string {
  const place = finding.line === undefined ? (finding.file ?? "") : placeOf(finding);
  const where = place === "" ? finding.path : place;
  const said = [where, finding.message].filter((part) => part !== "").join("  ");
  return [
    `\n${plainLines(said)}  ${dim(finding.rule)}`,
    ...(finding.frame === undefined ? [] : [plainLines(finding.frame)]),
    ...(finding.fix === undefined ? [] : [fixLine(finding.fix)]),
  ].join("\n");
}

function placeOf({ file, line, column }: LocatedFinding): string {
  return [file, line, column].filter((part) => part !== undefined).join(":");
}

const red = (text: string): string => paint("red", text, process.stderr);
const dim = (text: string): string => paint("dim", text, process.stderr);
const fixLine = (fix: string): string =>
  `  ${paint("cyan", "fix:", process.stderr)} ${plainLines(fix)}`;

/** The exit code of a report. */
export function reportExit(report: Report): number {
  if (report.exit !== undefined) return report.exit;
  const code: ErrorCode | undefined = report.error?.code;
  return code === undefined ? EXIT.ok : exitCode(code);
}
