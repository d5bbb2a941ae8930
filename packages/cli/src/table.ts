import { paint } from "./report.ts";

/** Left-aligned columns; the last one is cut at the terminal's edge. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const edge = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => oneLine(cell).padEnd(widths[column] ?? 0))
      .join("  ")
      .slice(0, edge)
      .trimEnd();
  return [paint("bold", line(head)), ...rows.map(line)].join("\n");
}

/** Texts of others are shown without line breaks and terminal control sequences. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is removed
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
