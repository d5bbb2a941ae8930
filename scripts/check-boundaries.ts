/**
 * The arrows of ARCHITECTURE.md: which part may import which. Also: isolated-vm only in the runner,
 * node:zlib alone in protocol, every export of a published package documented, every limit used.
 * Prints one line a breach and exits 1 when there is any.
 */
import { glob, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";

const PUBLISHED = ["packages/protocol", "packages/plugin-sdk", "packages/cli", "host-sdk"];

/** part → packages of ours that its sources may import. Tests beside them get `TEST_EXTRAS` too. */
const ARROWS: Record<string, readonly string[]> = {
  "packages/protocol": [],
  "packages/plugin-sdk": ["@rising-bsm/protocol"],
  "packages/cli": ["@rising-bsm/protocol", "@rising-bsm/plugin-sdk", "@rising-bsm/host-sdk"],
  "host-sdk": ["@rising-bsm/protocol"],
  workers: ["@rising-bsm/protocol"],
  "examples/host": ["@rising-bsm/host-sdk"],
  examples: ["@rising-bsm/plugin-sdk"],
};
const TEST_EXTRAS: Record<string, readonly string[]> = {
  examples: ["@rising-bsm/host-sdk"],
  "examples/host": ["@rising-bsm/host-sdk"],
};

const ENTRIES = [
  "packages/protocol/src/index.ts",
  "packages/protocol/src/openapi.ts",
  "packages/plugin-sdk/src/index.ts",
  "packages/cli/src/index.ts",
  "host-sdk/index.ts",
  "host-sdk/testing/index.ts",
];
const DECLARATION = /^export (?:async )?(?:function|const|class|interface|type) (\w+)/gm;

const breaches: string[] = [];

function partOf(file: string): string | undefined {
  return Object.keys(ARROWS)
    .filter((part) => file.startsWith(`${part}/`))
    .sort((a, b) => b.length - a.length)[0];
}

/** Imports of a file; of a test only its head, since plugin sources stand in strings further down. */
function importsOf(file: string, text: string): string[] {
  const source = file.includes(".test.")
    ? (/^(?:import[^;]*;|\/\*\*[^*]*\*\/|\s)*/.exec(text)?.[0] ?? "")
    : text;
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"'\n]+)["']/g;
  return [...source.matchAll(pattern)].map((match) => match[1] ?? "");
}

function checkImport(file: string, part: string, specifier: string): void {
  const isTest = /\.(test|bench)\.tsx?$/.test(file);
  if (specifier.startsWith(".")) {
    const target = normalize(join(dirname(file), specifier));
    const testsMayReach = isTest && /^(?:scripts|tests|docs\/spec\/vectors)\//.test(target);
    if (partOf(target) !== part && !testsMayReach)
      breaches.push(`${file}: leaves its package: ${specifier}`);
  }
  if (specifier.startsWith("@rising-bsm/")) {
    const name = specifier.split("/").slice(0, 2).join("/");
    const allowed = [...(ARROWS[part] ?? []), ...(isTest ? (TEST_EXTRAS[part] ?? []) : [])];
    if (!allowed.includes(name)) breaches.push(`${file}: ${part} must not import ${name}`);
  }
  checkBuiltIn(file, part, specifier);
}

/** What only one file or folder may load. */
function checkBuiltIn(file: string, part: string, specifier: string): void {
  if (specifier === "isolated-vm" && !file.startsWith("host-sdk/runner/"))
    breaches.push(`${file}: only the runner may import isolated-vm`);
  const isPortable = part === "packages/protocol" && !/\.test\.ts$|\/fixtures\//.test(file);
  if (isPortable && specifier.startsWith("node:"))
    if (specifier !== "node:zlib" || !file.endsWith("/inflate.ts"))
      breaches.push(`${file}: protocol must not import ${specifier}`);
}

/** Names that the entry points of a published package export; with `export *` all of that file's. */
function publicNames(sources: ReadonlyMap<string, string>, part: string): Set<string> {
  const entries = ENTRIES.filter((file) => partOf(file) === part);
  return new Set(entries.flatMap((entry) => exportedNames(sources, entry)));
}

function exportedNames(sources: ReadonlyMap<string, string>, entry: string): string[] {
  const text = sources.get(entry) ?? "";
  const listed = [...text.matchAll(/export (?:type )?\{([^}]+)\}/g)].flatMap(([, list]) =>
    (list ?? "").split(",").map((name) => name.replace(/^\s*type /, "").trim()),
  );
  const starred = [...text.matchAll(/export (?:type )?\* from "([^"]+)"/g)].flatMap(([, file]) =>
    declaredIn(sources.get(join(dirname(entry), file ?? "")) ?? ""),
  );
  return [...listed, ...starred, ...declaredIn(text)];
}

function declaredIn(source: string): string[] {
  return [...source.matchAll(DECLARATION)].map((match) => match[1] ?? "");
}

function checkDocumented(file: string, source: string, names: ReadonlySet<string>): void {
  const lines = source.split("\n");
  lines.forEach((line, index) => {
    const [, name] = new RegExp(DECLARATION.source).exec(line) ?? [];
    const before = lines[index - 1]?.trim() ?? "";
    const overloaded = before.startsWith("export function");
    if (name !== undefined && names.has(name) && !before.endsWith("*/") && !overloaded)
      breaches.push(`${file}:${index + 1}: public export ${name} has no doc comment`);
  });
}

async function checkLimitsUsed(sources: ReadonlyMap<string, string>): Promise<void> {
  const limits = await readFile("packages/protocol/src/limits.ts", "utf8");
  const rest = [...sources]
    .filter(([file]) => !file.endsWith("/limits.ts"))
    .map(([, text]) => text);
  for (const [, name] of limits.matchAll(/^ {2}(\w+):/gm))
    if (name !== undefined && !rest.some((text) => new RegExp(`\\b${name}\\b`).test(text)))
      breaches.push(`packages/protocol/src/limits.ts: nothing reads the limit ${name}`);
}

const sources = new Map<string, string>();
for await (const file of glob("{packages,host-sdk,workers,examples}/**/*.{ts,tsx}", {
  exclude: (name) => /node_modules|dist|builtin/.test(name),
}))
  sources.set(file, await readFile(file, "utf8"));

const names = new Map(PUBLISHED.map((part) => [part, publicNames(sources, part)]));
for (const [file, source] of sources) {
  const part = partOf(file);
  if (part === undefined) continue;
  for (const specifier of importsOf(file, source)) checkImport(file, part, specifier);
  const isSource = !/\.(test|bench|d)\.tsx?$/.test(file);
  if (isSource) checkDocumented(file, source, names.get(part) ?? new Set());
}
await checkLimitsUsed(sources);

for (const breach of breaches) console.log(breach);
console.log(`${sources.size} files, ${breaches.length} breaches`);
process.exit(breaches.length === 0 ? 0 : 1);
