/** Bundles the Worker as a deploy would, and the plugin SDK, then holds both against `size-limit`. */
import { mkdir } from "node:fs/promises";
import { rolldown } from "rolldown";
import { run } from "./processes.ts";

await mkdir("dist/sizes", { recursive: true });
const deploy = await run("wrangler", ["deploy", "--dry-run", "--outdir", "dist/sizes/worker"]);
if (deploy.code !== 0) throw new Error(deploy.output);

const bundle = await rolldown({ input: "packages/plugin-sdk/src/index.ts" });
await bundle.write({ file: "dist/sizes/plugin-sdk.js", format: "esm", minify: true });
await bundle.close();

const { code, output } = await run("size-limit", []);
console.log(output);
process.exit(code);
