/** Writes packages/protocol/manifest.schema.json from the manifest's schema; a test fails while it is out of date. */
import { writeFile } from "node:fs/promises";
import { manifestJsonSchema } from "../packages/protocol/src/index.ts";
import { run } from "./processes.ts";

const file = "packages/protocol/manifest.schema.json";
await writeFile(file, JSON.stringify(manifestJsonSchema()));
await run("oxfmt", [file]);
