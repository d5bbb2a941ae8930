import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { type Bundle, packBundle, RbsmError, readBundle } from "@rising-bsm/protocol";

/** A plugin to test: a built folder, files in memory, or the bytes of a `.rbsm`. */
export type TestPlugin =
  | { readonly dir: string }
  | { readonly files: ReadonlyMap<string, Uint8Array> }
  | { readonly bundle: Uint8Array };

const SKIPPED = ["node_modules", "dist", "coverage"];

/** Reads a plugin through the strict bundle reader, whatever form it has. */
export async function readPlugin(plugin: TestPlugin): Promise<Bundle> {
  if ("bundle" in plugin) return readBundle(plugin.bundle);
  return readBundle(packBundle("files" in plugin ? plugin.files : await readFolder(plugin.dir)));
}

async function readFolder(dir: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true }).catch(
    noFolder(dir),
  )) {
    const path = relative(dir, join(entry.parentPath, entry.name));
    const hidden = path.split(sep).some((part) => part.startsWith(".") || SKIPPED.includes(part));
    if (entry.isFile() && !hidden)
      files.set(path.split(sep).join("/"), await readFile(join(dir, path)));
  }
  return files;
}

function noFolder(dir: string) {
  return (error: unknown): never => {
    throw new RbsmError("usage", `There is no folder ${dir}`, {}, error);
  };
}
