import { plainText } from "./plain-text.ts";
import { paint } from "./report.ts";

/** Left-aligned columns; the last one is cut at the terminal's edge. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const edge = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => plainText(cell).padEnd(widths[column] ?? 0))
      .join("  ")
      .slice(0, edge)
      .trimEnd();
  return [paint("bold", line(head)), ...rows.map(line)].join("\n");
}
