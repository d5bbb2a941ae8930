import { resolve } from "node:path";
import { Command } from "commander";
import type { DefineCommand } from "../command.ts";

/** `verify FILE`: format and publisher signature, offline. */
export const verifyCommand: DefineCommand = (run) =>
  new Command("verify")
    .description("check a bundle's format and its publisher's signature, offline")
    .argument("<file>", "a .rbsm file")
    .option("-k, --key <key>", "the publisher it must come from: key id, public key or key file")
    .action(
      run(async (cli, file: string, options: { key?: string }) => {
        const { pinnedKeyId } = await import("../keys/key-file.ts");
        const { verifyBundle } = await import("../build/verify-bundle.ts");
        const { readBundleFile } = await import("../build/read-bundle-file.ts");
        const pin = options.key === undefined ? null : await pinnedKeyId(options.key);
        const verified = await verifyBundle(await readBundleFile(resolve(cli.cwd, file)), pin);
        const by =
          pin === null
            ? "its own key (not pinned: add --key to name the publisher)"
            : "the pinned key";
        return {
          data: { ...verified },
          text: [
            `${verified.plugin}@${verified.version} is intact and signed by ${by}`,
            `  publisher ${verified.publisherKeyId}`,
            `  sha256    ${verified.sha256}`,
            `  tree      ${verified.treeDigest}`,
          ].join("\n"),
        };
      }),
    );
