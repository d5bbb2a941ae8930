/**
 * Writes the test vectors of docs/spec from fixed seeds. `--check` writes nothing and fails when a file
 * is not current. That they are right, packages/protocol/src/spec-vectors.test.ts says.
 */
import { readFile, writeFile } from "node:fs/promises";
import { licenseTokenVectors } from "./vectors/license-token.ts";
import { logVectors } from "./vectors/log.ts";
import { offlineLicenseVectors } from "./vectors/offline-license.ts";
import { publisherKeysVectors } from "./vectors/publisher-keys.ts";
import { releaseStatementVectors } from "./vectors/release-statement.ts";
import { revocationVectors, trustMetadataVectors } from "./vectors/trust-documents.ts";

const files = {
  "release-statement": await releaseStatementVectors(),
  log: await logVectors(),
  "publisher-keys": await publisherKeysVectors(),
  "trust-metadata": await trustMetadataVectors(),
  revocation: revocationVectors(),
  "license-token": await licenseTokenVectors(),
  "offline-license": await offlineLicenseVectors(),
};
const check = process.argv.includes("--check");
let stale = 0;
for (const [name, vectors] of Object.entries(files)) {
  const file = `docs/spec/vectors/${name}.json`;
  const text = `${JSON.stringify(vectors, null, 2)}\n`;
  if (!check) await writeFile(file, text);
  else if ((await readFile(file, "utf8").catch(() => "")) !== text) {
    stale += 1;
    console.log(`${file} is not current: run \`node scripts/generate-vectors.ts\``);
  }
}
process.exit(stale === 0 ? 0 : 1);
