import type { BundleEntry } from "./build-plugin.ts";

/** The files of a bundle with their sizes, largest first, and the whole. */
export function sizeTree(entries: readonly BundleEntry[], packedBytes: number): string {
  const rows = [...entries]
    .sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1))
    .map(({ path, size }) => [path, bytesText(size)] as const);
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  const summary = [
    `${entries.length} files`,
    `${bytesText(total)} → ${bytesText(packedBytes)} packed`,
  ] as const;
  const all = [...rows, summary];
  const width = Math.max(...all.map(([path]) => path.length));
  const lines = all.map(([path, size]) => `  ${path.padEnd(width)}  ${size}`);
  return [...lines.slice(0, -1), `  ${"─".repeat(width)}`, ...lines.slice(-1)].join("\n");
}

/** A size for a person: `812 B`, `4.2 KiB`, `1.0 MiB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
