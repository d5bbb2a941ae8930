import { writeFileSync } from "node:fs";
import { manifestJsonSchema } from "./src/index.ts";

// Run after a change of the manifest's schema; a test fails while the file is out of date.
const file = new URL("manifest.schema.json", import.meta.url);
writeFileSync(file, `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`);
