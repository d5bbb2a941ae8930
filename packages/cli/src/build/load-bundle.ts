import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { RbsmError } from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { signingKey } from "../keys/key-file.ts";
import { type BuiltBundle, buildPlugin, describeBundle } from "./build-plugin.ts";
import { readBundleFile } from "./read-bundle-file.ts";

/** The bundle that a path means: a folder is built and signed, a file is read as it is. */
export async function loadBundle(
  cli: Cli,
  path: string,
  keyFile: string | undefined,
): Promise<BuiltBundle> {
  const info = await stat(path).catch(() => null);
  if (info?.isDirectory()) {
    const key = await signingKey(
      cli.env,
      keyFile === undefined ? undefined : resolve(cli.cwd, keyFile),
    );
    return await buildPlugin(path, { key });
  }
  if (keyFile !== undefined) {
    throw new RbsmError("usage", "--key signs folders; a bundle is published as it is", {
      fix: "build it with the key: rising-bsm build --key FILE",
    });
  }
  return await describeBundle(await readBundleFile(path));
}
