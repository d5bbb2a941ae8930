import { Command } from "commander";
import type { DefineCommand } from "../command.ts";
import type { MirrorOptions } from "../mirror/mirror.ts";

/** `mirror DIR`: a copy of some plugins that hosts install from, on a file server or a disk. */
export const mirrorCommand: DefineCommand = (run) =>
  new Command("mirror")
    .description("copy plugins, with all that proves them, for hosts without the marketplace")
    .argument("<dir>", "the folder of the mirror; made, or brought up to date")
    .argument(
      "[plugins...]",
      "like @acme/hello or @acme/hello@1.2.0; their dependencies come along",
    )
    .requiredOption("--root <file>", "the marketplace's trust root, root.json")
    .option("--url <url>", "the marketplace, or another mirror")
    .option("--all-versions", "every version of the plugins, not only the one to install")
    .option("--with-log", "also the log's entries, so that `log verify` works on the mirror")
    .option("--prune", "remove what is neither named nor needed")
    .option("--accept-stale", "go on with trust metadata that has expired")
    .action(
      run(async (cli, ...input: [string, string[], MirrorOptions]) => {
        const [folder, plugins, options] = input;
        const { mirror } = await import("../mirror/mirror.ts");
        return await mirror(cli, { folder, plugins }, options);
      }),
    );
