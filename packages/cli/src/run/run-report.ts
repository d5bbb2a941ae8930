import type { Json } from "@rising-bsm/protocol";
import { plainText } from "../plain-text.ts";
import { type Failure, paint, type Report } from "../report.ts";

/** How one call of a plugin went. */
export interface RunOutcome {
  readonly result: Json;
  readonly failure: Failure | null;
  readonly usage: RunUsage | null;
  readonly logs: readonly RunLog[];
  readonly denied: readonly RunDenial[];
}

/** What the call used. */
export interface RunUsage {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakRssMb: number;
}

/** A line the plugin logged. */
export interface RunLog {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields?: Json;
}

/** A host call that was refused for want of a permission. */
export interface RunDenial {
  readonly method: string;
  readonly permission: string;
}

/** The outcome as the command prints it: the result alone, so that it can be piped on. */
export function runReport(outcome: RunOutcome): Report {
  const { failure, logs, denied } = outcome;
  const usage = outcome.usage ?? { wallMs: 0, cpuMs: 0, peakRssMb: 0 };
  if (failure !== null) return { error: failure, data: { usage, logs, denied }, text: "" };
  const text = JSON.stringify(outcome.result, null, 2);
  return { data: { result: outcome.result, usage, logs, denied }, text };
}

/** What a person wants to know beside the result: logs, refused calls, time and memory. */
export function sideText({ logs, denied, usage }: RunOutcome): string {
  return [
    ...logs.map(
      (log) => `${dim(log.level.padEnd(5))} ${plainText(log.message)}${dim(fieldsText(log))}`,
    ),
    ...denied.map(({ method, permission }) =>
      paint("yellow", `denied ${method}: it needs the permission "${permission}"`, process.stderr),
    ),
    ...(usage === null ? [] : [dim(usageText(usage))]),
  ].join("\n");
}

function usageText({ wallMs, cpuMs, peakRssMb }: RunUsage): string {
  return `${wallMs.toFixed(1)} ms, ${cpuMs.toFixed(1)} ms CPU, ${peakRssMb.toFixed(0)} MB`;
}

function fieldsText({ fields }: RunLog): string {
  return fields === undefined ? "" : ` ${plainText(JSON.stringify(fields))}`;
}

const dim = (text: string): string => paint("dim", text, process.stderr);
