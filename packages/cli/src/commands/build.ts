import { relative, resolve } from "node:path";
import { Command } from "commander";
import type { DefineCommand } from "../command.ts";

interface BuildOptions {
  readonly out?: string;
  readonly key?: string;
}

/** `build [dir]`: a plugin folder becomes a signed bundle. */
export const buildCommand: DefineCommand = (run) =>
  new Command("build")
    .description("bundle, pack and sign a plugin folder into a .rbsm file")
    .argument("[dir]", "the plugin's folder", ".")
    .option("-o, --out <file>", "where to write the bundle (default: dist/ in the folder)")
    .option("-k, --key <file>", "sign with this key file (default: the default key)")
    .action(
      run(async (cli, dir: string, options: BuildOptions) => {
        const { buildPlugin, writeBundle } = await import("../build/build-plugin.ts");
        const { sizeTree } = await import("../build/size-tree.ts");
        const { signingKey } = await import("../keys/key-file.ts");
        const folder = resolve(cli.cwd, dir);
        const key = await signingKey(cli.env, resolveOption(cli.cwd, options.key));
        const bundle = await buildPlugin(folder, { key });
        const file = await writeBundle(bundle, {
          folder,
          out: resolveOption(cli.cwd, options.out),
        });
        const { manifest, publisherKeyId } = bundle;
        if (publisherKeyId === null) {
          cli.note(
            "warning: the bundle is unsigned; make a key with `rising-bsm keys new` and build again",
          );
        }
        return {
          data: {
            plugin: manifest.name,
            version: manifest.version,
            file,
            size: bundle.bytes.length,
            sha256: bundle.sha256,
            treeDigest: bundle.treeDigest,
            publisherKeyId,
            entries: bundle.entries,
          },
          text: [
            `${manifest.name}@${manifest.version} → ${relative(cli.cwd, file)}`,
            sizeTree(bundle.entries, bundle.bytes.length),
            `  sha256 ${bundle.sha256}`,
            publisherKeyId === null ? "  not signed" : `  signed by ${publisherKeyId}`,
          ].join("\n"),
        };
      }),
    );

function resolveOption(cwd: string, path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(cwd, path);
}
