import { stat } from "node:fs/promises";
import { isAbsolute, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import type { Plugin, RolldownLog } from "rolldown";
import type { LocatedFinding } from "../report.ts";

const ENTRIES = [
  "src/index.ts",
  "src/index.tsx",
  "src/index.mts",
  "src/index.js",
  "src/index.mjs",
  "src/index.jsx",
];

/** One self-contained ES module made of a plugin's sources, or why there is none. */
export interface BundledSource {
  readonly module: { readonly code: string; readonly map: SourceMap } | null;
  readonly findings: readonly LocatedFinding[];
}

/** Where the plugin's own lines came from; `sources` are paths inside its folder. */
interface SourceMap {
  readonly sources: readonly string[];
  readonly names: readonly string[];
  readonly mappings: string;
}

/** The entry module of a plugin that has sources to bundle, relative to its folder. */
export async function sourceEntry(folder: string): Promise<string | null> {
  for (const entry of ENTRIES) {
    const info = await stat(join(folder, entry)).catch(() => null);
    if (info?.isFile()) return entry;
  }
  return null;
}

/**
 * Bundles a plugin's sources and every package they import into one module. The output depends on
 * the sources alone: no host paths, no time, no environment.
 */
export async function bundleSource(folder: string, entry: string): Promise<BundledSource> {
  const { rolldown } = await import("rolldown");
  const findings: LocatedFinding[] = [];
  const tsconfig = join(folder, "tsconfig.json");
  const hasTsconfig = await stat(tsconfig).then(
    (info) => info.isFile(),
    () => false,
  );
  const build = await rolldown({
    input: join(folder, entry),
    cwd: folder,
    platform: "neutral",
    tsconfig: hasTsconfig ? tsconfig : false,
    resolve: {
      mainFields: ["module", "main"],
      conditionNames: ["rising-bsm", "import", "default"],
    },
    transform: { define: { "process.env.NODE_ENV": '"production"' } },
    experimental: { attachDebugInfo: "none" },
    plugins: [pluginSdk(), mapOwnSourcesOnly(folder)],
    onLog: (_level, log) => {
      if (log.code === "UNRESOLVED_IMPORT") findings.push(unresolvedFinding(folder, log));
    },
  });
  try {
    const { output } = await build.generate({
      dir: folder,
      format: "esm",
      codeSplitting: false,
      sourcemap: "hidden",
      sourcemapExcludeSources: true,
    });
    const [{ code, map }] = output;
    if (findings.length > 0 || map === null) return { module: null, findings };
    const { sources, names, mappings } = map;
    return { module: { code, map: { sources, names, mappings } }, findings };
  } catch (error) {
    return { module: null, findings: [...findings, ...failureFindings(folder, error)] };
  } finally {
    await build.close();
  }
}

/** Resolves the SDK to the one this CLI was made with, whether or not the plugin has installed it. */
function pluginSdk(): Plugin {
  return {
    name: "rising-bsm:plugin-sdk",
    resolveId(id) {
      if (id !== "@rising-bsm/plugin-sdk") return null;
      return {
        id: fileURLToPath(import.meta.resolve("@rising-bsm/plugin-sdk")),
        moduleSideEffects: false,
      };
    },
  };
}

/**
 * Packages and whatever else lies outside of the plugin's folder get no mappings: they would be
 * nine tenths of the map, and their paths differ from machine to machine.
 */
function mapOwnSourcesOnly(folder: string): Plugin {
  return {
    name: "rising-bsm:map-own-sources-only",
    transform(code, id) {
      const path = relative(folder, id).split(sep);
      const own = path[0] !== ".." && !isAbsolute(path.join(sep)) && !path.includes("node_modules");
      return own ? null : { code, map: { mappings: "" } };
    },
  };
}

function unresolvedFinding(folder: string, log: RolldownLog): LocatedFinding {
  const name = log.exporter ?? "";
  const isNode = name.startsWith("node:") || NODE_MODULES.has(name.split("/")[0] ?? "");
  return {
    rule: "bundle_build_failed",
    path: "",
    ...place(folder, log),
    message: `cannot resolve "${name}"`,
    fix: isNode
      ? "plugins run without Node's modules: use the Web APIs (fetch, crypto, URL) or the plugin API"
      : "install the package in the plugin's folder, or correct the path",
  };
}

const NODE_MODULES = new Set(
  "assert buffer child_process cluster crypto dns events fs http http2 https module net os path process querystring readline stream string_decoder timers tls tty url util v8 vm worker_threads zlib".split(
    " ",
  ),
);

function failureFindings(folder: string, error: unknown): LocatedFinding[] {
  const logs = isBundleError(error) ? error.errors : [];
  if (logs.length > 0) {
    return logs.map((log) => ({
      rule: "bundle_build_failed",
      path: "",
      ...place(folder, log),
      message: firstLine(log.message),
    }));
  }
  const message = error instanceof Error ? firstLine(error.message) : String(error);
  return [{ rule: "bundle_build_failed", path: "", message }];
}

function isBundleError(error: unknown): error is Error & { errors: RolldownLog[] } {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}

function place(
  folder: string,
  log: RolldownLog,
): Pick<LocatedFinding, "file" | "line" | "column" | "frame"> {
  const file = log.loc?.file ?? log.id;
  const frame = framed(log.message);
  return {
    ...(file === undefined ? {} : { file: relative(folder, file).split(sep).join("/") }),
    ...(log.loc === undefined ? {} : { line: log.loc.line, column: log.loc.column + 1 }),
    ...(frame === "" ? {} : { frame }),
  };
}

function firstLine(message: string): string {
  const plain = stripVTControlCharacters(message).replace(/^\[[A-Z_]+\]\s*/, "");
  return plain.split("\n", 1)[0] ?? plain;
}

function framed(message: string): string {
  return stripVTControlCharacters(message).split("\n").slice(1).join("\n").trimEnd();
}
