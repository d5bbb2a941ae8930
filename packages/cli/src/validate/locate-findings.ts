import type { Finding } from "@rising-bsm/protocol";
import type { LocatedFinding } from "../report.ts";
import { codeFrame } from "./frame.ts";
import {
  type JsonPositions,
  jsonPositions,
  lineAndColumn,
  type Span,
  spanOf,
} from "./json-positions.ts";

const FILE = "manifest.json";

/** Gives findings about a manifest their place in its text. */
export function locateFindings(
  manifest: Uint8Array,
  findings: readonly Finding[],
): LocatedFinding[] {
  const text = new TextDecoder().decode(manifest);
  const positions = jsonPositions(text);
  if (positions.problem !== undefined && findings.length > 0)
    return [syntaxFinding(text, positions.problem)];
  return findings
    .map((finding) => ({ finding, span: findingSpan(positions, finding) }))
    .sort((a, b) => a.span.start - b.span.start)
    .map(({ finding, span }) => ({ ...finding, ...placeIn(text, span) }));
}

/** A wrong key is shown at the key, a wrong value at the value. */
function findingSpan(positions: JsonPositions, finding: Finding): Span {
  return spanOf(positions, finding.path, finding.rule.includes("key") ? "key" : "value");
}

function syntaxFinding(text: string, problem: { at: Span; message: string }): LocatedFinding {
  return {
    rule: "manifest_invalid",
    path: "",
    message: problem.message,
    ...placeIn(text, problem.at),
  };
}

function placeIn(
  text: string,
  span: Span,
): Pick<LocatedFinding, "file" | "line" | "column" | "frame"> {
  return { file: FILE, ...lineAndColumn(text, span.start), frame: codeFrame(text, span) };
}
