import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const CLI = fileURLToPath(new URL("../../packages/cli/bin/rising-bsm.js", import.meta.url));

/** Builds a plugin folder with the real `rising-bsm build`, unsigned; answers the bundle. */
export async function buildApp(folder: string): Promise<{ bundle: Uint8Array }> {
  const home = await mkdtemp(join(tmpdir(), "rising-bsm-app-"));
  try {
    const out = join(home, "plugin.rbsm");
    // A home of its own: the keys of whoever runs the tests stay out of it.
    const env = { ...process.env, RISING_BSM_HOME: home };
    const args = [CLI, "build", folder, "--out", out, "--json"];
    await promisify(execFile)(process.execPath, args, { env });
    return { bundle: await readFile(out) };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
