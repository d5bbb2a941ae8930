import { Command } from "commander";
import type { DefineCommand, Run } from "../command.ts";
import type { VerifyOptions } from "../log/verify-log.ts";
import type { WatchOptions } from "../log/watch-log.ts";

/** `log`: the marketplace's public log, computed and watched. */
export const logCommand: DefineCommand = (run) =>
  new Command("log")
    .description("verify and watch the marketplace's public log")
    .addCommand(verifyCommand(run))
    .addCommand(watchCommand(run));

function verifyCommand(run: Run): Command {
  return atLog(new Command("verify"))
    .description(
      "compute the log from its entries and hold it against its tiles and its checkpoint",
    )
    .option(
      "--from <n>",
      "entries that were verified before and are not read again, or `last`",
      "0",
    )
    .option("--deep", "also fetch the statement of every release and hold it against its entry")
    .action(
      run(async (cli, options: VerifyOptions) => {
        const { verifyLog } = await import("../log/verify-log.ts");
        return await verifyLog(cli, options);
      }),
    );
}

function watchCommand(run: Run): Command {
  return atLog(new Command("watch"))
    .description("print what the log says of a publisher, plugin or scope as it appears")
    .option("--publisher <name>", "the publisher's scopes and keys")
    .option("--plugin <name>", "one plugin, like @acme/hello")
    .option("--scope <scope>", "one scope, like @acme")
    .option("--once", "read what is new since the last time and end")
    .option("--interval <seconds>", "time between two looks", "60")
    .option("--jsonl", "one JSON object a line for each event")
    .action(
      run(async (cli, options: WatchOptions) => {
        const { watchLog } = await import("../log/watch-log.ts");
        return await watchLog(cli, options);
      }),
    );
}

function atLog(command: Command): Command {
  return command
    .option("--url <url>", "the marketplace, or the folder of a mirror")
    .option("--root <file>", "the marketplace's trust root, root.json")
    .option("-k, --key <vkey>", "instead of the root: the log's verifier key")
    .option("--accept-stale", "go on with trust metadata that has expired");
}
