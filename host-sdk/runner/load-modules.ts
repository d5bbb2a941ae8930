import type IsolatedVm from "isolated-vm";
import { posix } from "node:path";
import type { BlankIsolate } from "./blank-isolate.ts";

/** The code of a plugin: path inside the bundle to text. */
export type Sources = ReadonlyMap<string, string>;

const SDK = "@rising-bsm/plugin-sdk";
const ENTRY = "rbsm:entry";
const ADOPT = "rbsm:adopt";

const BUILT_IN = new Map([
  [SDK, "export const definePlugin = (plugin) => plugin;"],
  // Takes the prelude's function off the global object before any module of the plugin runs.
  [ADOPT, "export const adopt = globalThis.rbsmAdopt; delete globalThis.rbsmAdopt;"],
]);

export interface Origin {
  /** What stack traces call the plugin's files, e.g. `rbsm:/@acme/hello@1.0.0`. */
  readonly label: string;
  readonly main: string;
}

/**
 * Compiles `main` and all it imports and runs it; resolves when the synchronous part has run. ES
 * modules with relative paths as written, .json files, and the SDK's one function: nothing else
 * resolves.
 */
export async function runModules(
  { isolate, context }: BlankIsolate,
  sources: Sources,
  origin: Origin,
): Promise<void> {
  const modules = new Map<string, IsolatedVm.Module>();
  const paths = new Map<IsolatedVm.Module, string>();
  const compile = async (path: string, code: string): Promise<IsolatedVm.Module> => {
    const module = await isolate.compileModule(code, {
      filename: path.startsWith("rbsm:") ? path : `${origin.label}/${path}`,
    });
    modules.set(path, module);
    paths.set(module, path);
    for (const specifier of module.dependencySpecifiers) {
      const target = resolveImport(specifier, path, sources);
      if (!modules.has(target)) await compile(target, sourceOf(target, sources));
    }
    return module;
  };
  const entry = await compile(ENTRY, entrySource(origin.main));
  await entry.instantiate(context, (specifier, referrer) => {
    const module = modules.get(resolveImport(specifier, paths.get(referrer) ?? ENTRY, sources));
    if (module === undefined) throw new Error(`"${specifier}" was not compiled`);
    return module;
  });
  await entry.evaluate();
}

function entrySource(main: string): string {
  const path = JSON.stringify(`./${posix.normalize(main)}`);
  return `import { adopt } from "${ADOPT}"; import * as plugin from ${path}; adopt(plugin.default);`;
}

function resolveImport(specifier: string, from: string, sources: Sources): string {
  if (specifier === SDK || (specifier === ADOPT && from === ENTRY)) return specifier;
  if (specifier.startsWith("./") || specifier.startsWith("../")) {
    const path = posix.join(from === ENTRY ? "." : posix.dirname(from), specifier);
    if (sources.has(path)) return path;
  }
  const importer = from === ENTRY ? "manifest.json" : from;
  throw new Error(`${importer} imports "${specifier}", which is not a file of the bundle`);
}

function sourceOf(path: string, sources: Sources): string {
  const code = BUILT_IN.get(path) ?? sources.get(path) ?? "";
  return path.endsWith(".json") ? `export default JSON.parse(${JSON.stringify(code)});` : code;
}
