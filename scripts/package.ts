/**
 * Makes the publishable form of each published package under dist/, or `--out DIR`: compiled
 * JavaScript, type declarations and a package.json whose exports point at them. `--check` also runs
 * publint and attw.
 */
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { run, requireNode24 } from "./processes.ts";

requireNode24();

/** Published package → the folder its sources live in, and what else it ships. */
const PACKAGES = [
  { dir: "packages/protocol", source: "src", extras: ["manifest.schema.json"] },
  { dir: "packages/plugin-sdk", source: "src", extras: [] },
  { dir: "packages/cli", source: "src", extras: ["bin"] },
  { dir: "host-sdk", source: ".", extras: ["builtin"] },
];

const { values: options } = parseArgs({
  options: { check: { type: "boolean" }, out: { type: "string", default: "dist" } },
});
const BUILD = join(options.out, "build");

interface Manifest {
  name: string;
  version: string;
  exports?: Record<string, string>;
  [key: string]: unknown;
}

async function must(command: string, ...args: string[]): Promise<void> {
  const { code, output } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}\n${output}`);
}

/** Only what the entry points reach: helpers of tests, and a test's key, are not published. */
async function compile(): Promise<void> {
  // Not the whole folder: the sizes gate writes into it at the same time.
  for (const folder of [BUILD, ...PACKAGES.map(({ dir }) => join(options.out, basename(dir)))])
    await rm(folder, { recursive: true, force: true });
  await mkdir(BUILD, { recursive: true });
  await must("tsc", "-p", "scripts/tsconfig.package.json", "--outDir", BUILD);
}

/** `./src/index.ts` → `./src/index.js` with its declarations. */
function publishedExports(exports: Record<string, string>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(exports).map(([key, file]) => {
      const stem = file.replace(/\.ts$/, "");
      return [key, { types: `${stem}.d.ts`, default: `${stem}.js` }];
    }),
  );
}

async function assemble({ dir, source, extras }: (typeof PACKAGES)[number]): Promise<string> {
  const manifest: Manifest = JSON.parse(await readFile(join(dir, "package.json"), "utf8"));
  const out = join(options.out, manifest.name.split("/")[1] ?? manifest.name);
  await cp(join(BUILD, dir, source), join(out, source), { recursive: true });
  for (const extra of [...extras, "README.md"])
    if (existsSync(join(dir, extra)))
      await cp(join(dir, extra), join(out, extra), { recursive: true });
  await cp("LICENSE", join(out, "LICENSE"));
  const { devDependencies: _, private: __, ...published } = manifest;
  const exports =
    manifest.exports === undefined ? {} : { exports: publishedExports(manifest.exports) };
  await writeFile(join(out, "package.json"), JSON.stringify({ ...published, ...exports }, null, 2));
  return out;
}

await compile();
for (const entry of PACKAGES) {
  const out = await assemble(entry);
  console.log(out);
  if (options.check !== true) continue;
  await must("publint", out, "--strict");
  if (entry.dir !== "packages/cli") await must("attw", "--pack", out, "--profile", "esm-only");
}
await rm(BUILD, { recursive: true });
