/**
 * Writes packages/protocol/src/openapi.ts: types of the marketplace's API from its own description.
 * `--check` writes nothing and fails when the file is not current.
 */
import { readFile, writeFile } from "node:fs/promises";
import { readDocument } from "./openapi/read-document.ts";
import { writeTypes } from "./openapi/write-types.ts";

const file = "packages/protocol/src/openapi.ts";
const text = writeTypes(await readDocument());
if (!process.argv.includes("--check")) await writeFile(file, text);
else if ((await readFile(file, "utf8").catch(() => "")) !== text) {
  console.log(`${file} is not current: run \`node scripts/generate-openapi.ts\``);
  process.exit(1);
}
