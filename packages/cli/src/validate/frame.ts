import type { Span } from "./json-positions.ts";

const CONTEXT_LINES = 1;
const MAX_WIDTH = 160;

/** The source line of a span with a caret under it and one line of context on either side. */
export function codeFrame(text: string, span: Span): string {
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  const row = text.slice(0, span.start).split("\n").length - 1;
  const column = span.start - (text.lastIndexOf("\n", span.start - 1) + 1);
  const first = Math.max(0, row - CONTEXT_LINES);
  const gutter = String(row + 1 + CONTEXT_LINES).length;
  return lines
    .slice(first, row + CONTEXT_LINES + 1)
    .flatMap((line, index) => {
      const number = first + index;
      const shown = `${number === row ? ">" : " "} ${String(number + 1).padStart(gutter)} | ${line.slice(0, MAX_WIDTH)}`;
      return number === row
        ? [shown, `  ${" ".repeat(gutter)} | ${carets(line, column, span)}`]
        : [shown];
    })
    .map((line) => line.trimEnd())
    .join("\n");
}

function carets(line: string, column: number, span: Span): string {
  // Tabs stay tabs, so that the caret stands under its character at any tab width.
  const indent = line.slice(0, column).replace(/[^\t]/g, " ");
  const width = Math.max(1, Math.min(span.end - span.start, line.length - column));
  return (indent + "^".repeat(width)).slice(0, MAX_WIDTH);
}
