import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { base64 } from "@rising-bsm/protocol";
import type { trustRequestSchema } from "@rising-bsm/protocol";
import type { z } from "zod";
import { requireInForce, rootFile } from "./trust-folder.ts";

/** Most roots before the newest that one upload carries. */
const MAX_ROOTS = 32;

/** Body of `PUT /v1/trust` with all that is in force in a trust folder. */
export async function readTrustRequest(dir: string): Promise<z.input<typeof trustRequestSchema>> {
  const { root, files } = await requireInForce(dir);
  const { version } = root.signed;
  const read = async (file: string) => base64(await readFile(file));
  const older = Array.from({ length: version - 1 }, (_, i) => rootFile(dir, i + 1));
  return {
    roots: await Promise.all(older.slice(-MAX_ROOTS).map(read)),
    root: await read(rootFile(dir, version)),
    targets: await read(join(dir, "targets.json")),
    serviceKeys: base64(files.serviceKeys),
    policy: base64(files.policy),
    revocations: base64(files.revocations),
  };
}
