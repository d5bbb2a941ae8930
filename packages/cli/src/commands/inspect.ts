import { resolve } from "node:path";
import { Command } from "commander";
import type { DefineCommand } from "../command.ts";
import { paint } from "../report.ts";

/** `inspect FILE`: what a bundle holds; trusts nothing and needs no signature. */
export const inspectCommand: DefineCommand = (run) =>
  new Command("inspect")
    .description("show a bundle's manifest, files, digests and signature state")
    .argument("<file>", "a .rbsm file")
    .action(
      run(async (cli, file: string) => {
        const { needsLicense } = await import("@rising-bsm/protocol");
        const { describeBundle } = await import("../build/build-plugin.ts");
        const { readBundleFile } = await import("../build/read-bundle-file.ts");
        const { signatureState } = await import("../build/verify-bundle.ts");
        const { sizeTree } = await import("../build/size-tree.ts");
        const bundle = await describeBundle(await readBundleFile(resolve(cli.cwd, file)));
        const { manifest, entries, sha256, treeDigest, publisherKeyId } = bundle;
        const signature = await signatureState(bundle.bytes);
        const permissions = manifest.permissions.map((permission) => permission.code);
        const paid = needsLicense(manifest);
        return {
          data: {
            plugin: manifest.name,
            version: manifest.version,
            size: bundle.bytes.length,
            sha256,
            treeDigest,
            signature,
            publisherKeyId,
            needsLicense: paid,
            manifest,
            entries,
          },
          text: [
            paint("bold", `${manifest.name}@${manifest.version}`),
            sizeTree(entries, bundle.bytes.length),
            `  permissions ${permissions.join(", ") || "none"}`,
            `  network     ${manifest.network.join(", ") || "none"}`,
            `  price       ${paid ? "needs a license" : "free"}`,
            `  sha256      ${sha256}`,
            `  tree        ${treeDigest}`,
            `  signature   ${signature}${publisherKeyId === null ? "" : ` (key ${publisherKeyId})`}`,
          ].join("\n"),
        };
      }),
    );
