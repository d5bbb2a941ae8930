import { stat } from "node:fs/promises";
import { join, posix } from "node:path";
import {
  BUNDLE_LIMITS,
  checkMedia,
  type ErrorCode,
  isErrorCode,
  type Finding,
  type Manifest,
  parseManifest,
  RbsmError,
  utf8,
} from "@rising-bsm/protocol";
import { readUserFile, systemCode, unreadable } from "../read-file.ts";
import type { LocatedFinding } from "../report.ts";
import { locateFindings } from "../validate/locate-findings.ts";
import { type BundledSource, bundleSource, sourceEntry } from "./bundle-source.ts";
import { collectFiles } from "./collect-files.ts";

/** A plugin folder read as a build sees it: the bundle's files, or everything that is in the way. */
export interface PluginFolder {
  readonly manifest: Manifest | null;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly findings: readonly LocatedFinding[];
}

/** Reads, checks and bundles a plugin folder without writing anything. All findings at once. */
export async function readPluginFolder(folder: string): Promise<PluginFolder> {
  const manifestBytes = await readManifest(folder);
  const { manifest, findings } = checkManifestBytes(manifestBytes);
  const entry = await sourceEntry(folder);
  const main = manifest?.main ?? "";
  const collected = await collectFiles(folder, { bundled: entry !== null, main });
  findings.push(...collected.findings);
  if (entry !== null) {
    const bundled = await bundleSource(folder, entry);
    findings.push(...bundled.findings);
    for (const [path, text] of builtFiles(main, bundled)) collected.files.set(path, utf8(text));
  }
  if (manifest !== null) {
    const absent = missingFiles(manifest, collected.files);
    const shown = await checkMedia(manifest, collected.files);
    findings.push(...locateFindings(manifestBytes, [...absent, ...shown]));
  }
  return { manifest, files: collected.files, findings };
}

/** The module at `main`, and its source map beside it. */
function builtFiles(main: string, { module }: BundledSource): (readonly [string, string])[] {
  if (main === "") return [];
  // Where bundling failed there is a finding: a missing `main` would be a second.
  if (module === null) return [[main, ""]];
  const { sources, ...map } = module.map;
  const folder = posix.dirname(main);
  const file = posix.basename(main);
  const beside = sources.map((source) => posix.relative(folder, source));
  return [
    [main, `${module.code}//# sourceMappingURL=${file}.map\n`],
    [`${main}.map`, JSON.stringify({ version: 3, file, sources: beside, ...map })],
  ];
}

/** Everything wrong with the bytes of a manifest, with line and column. */
export function checkManifestBytes(bytes: Uint8Array): {
  manifest: Manifest | null;
  findings: LocatedFinding[];
} {
  try {
    return { manifest: parseManifest(bytes), findings: [] };
  } catch (error) {
    if (!(error instanceof RbsmError)) throw error;
    const findings = error.detail.findings ?? [
      { rule: error.code, path: "", message: error.message },
    ];
    return { manifest: null, findings: locateFindings(bytes, findings) };
  }
}

/** The code that findings fail with: the rule itself where it is one, else its family's. */
export function findingsError(findings: readonly LocatedFinding[]): RbsmError {
  const rule = findings[0]?.rule ?? "";
  const family: ErrorCode = rule.startsWith("bundle_") ? "bundle_build_failed" : "manifest_invalid";
  const count = findings.length === 1 ? "1 problem" : `${findings.length} problems`;
  return new RbsmError(isErrorCode(rule) ? rule : family, `${count} found`, { findings });
}

async function readManifest(folder: string): Promise<Uint8Array> {
  const info = await stat(folder).catch((error: unknown) => {
    throw unreadable(folder, error);
  });
  if (!info.isDirectory()) throw new RbsmError("usage", `${folder} is not a folder`);
  const file = join(folder, "manifest.json");
  const found = await stat(file).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return null;
    throw unreadable(file, error);
  });
  if (found?.isFile() !== true) {
    throw new RbsmError("manifest_missing", `There is no manifest.json in ${folder}`, {
      fix: "run the command in a plugin's folder, or pass the folder as an argument",
    });
  }
  return await readUserFile(file, {
    maxBytes: BUNDLE_LIMITS.manifestBytes,
    code: "manifest_invalid",
  });
}

/** Files that the manifest names and the bundle would not hold. */
function missingFiles(manifest: Manifest, files: ReadonlyMap<string, Uint8Array>): Finding[] {
  const { main, icon, readme, changelog, screenshots } = manifest;
  const named: [path: string, file: string | undefined][] = [
    ["main", main],
    ["icon", icon],
    ["readme", readme],
    ["changelog", changelog],
    ...screenshots.map((file, index): [string, string] => [`screenshots[${index}]`, file]),
  ];
  return named
    .filter(([, file]) => file !== undefined && !files.has(file))
    .map(([path, file]) => ({
      rule: "bundle_missing_entry",
      path,
      message: `the plugin folder holds no "${file}"`,
      fix:
        path === "main"
          ? "write it, correct the path, or put the sources at src/index.ts, which build bundles into it"
          : "add the file or correct the path",
    }));
}
