import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CLI = join(ROOT, "packages/cli/bin/rising-bsm.js");

/** Builds a plugin under examples/ with the real `rising-bsm build`, unsigned; answers the bundle. */
export async function buildExample(name: string): Promise<{ bundle: Uint8Array }> {
  const folder = await mkdtemp(join(tmpdir(), "rising-bsm-example-"));
  try {
    const out = join(folder, "plugin.rbsm");
    const args = [CLI, "build", join(ROOT, "examples", name), "--out", out, "--json"];
    // A home of its own: the keys of whoever runs the tests stay out of it.
    const env = { ...process.env, RISING_BSM_HOME: folder };
    await promisify(execFile)(process.execPath, args, { env });
    return { bundle: await readFile(out) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
