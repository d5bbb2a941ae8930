import { Command } from "commander";
import type { DefineCommand, Run } from "../command.ts";
import type { HostAddress } from "../host/with-host.ts";
import type { AnswerOptions } from "../license/answer.ts";
import type { ImportOptions, RequestOptions, ShowOptions } from "../license/exchange.ts";

/** `license`: what a host holds, the next lease, and licenses of a host without a network by files. */
export const licenseCommand: DefineCommand = (run) =>
  new Command("license")
    .description("show and renew what a host holds; license a host without a network by files")
    .addCommand(requestCommand(run))
    .addCommand(answerCommand(run))
    .addCommand(importCommand(run))
    .addCommand(renewCommand(run))
    .addCommand(showCommand(run));

function requestCommand(run: Run): Command {
  return atHost(new Command("request").argument("<plugin>", "like @acme/hello"))
    .description("write the request file for a plugin's license, signed by the stopped host")
    .requiredOption("--out <file>", "the request file; with --key it holds the license key")
    .option("--key <key>", "the license key, to claim a license; without it the lease is renewed")
    .option("--version <range>", "the version to bring in; the newest that is covered by default")
    .action(
      run(async (cli, plugin: string, options: RequestOptions) => {
        const { request } = await import("../license/exchange.ts");
        return await request(cli, plugin, options);
      }),
    );
}

function answerCommand(run: Run): Command {
  return new Command("answer")
    .argument("<request>", "the request file")
    .description("have a request answered, on any machine with a network")
    .requiredOption("--out <file>", "the file to carry to the host")
    .option("--url <url>", "the marketplace")
    .action(
      run(async (cli, request: string, options: AnswerOptions) => {
        const { answer } = await import("../license/answer.ts");
        return await answer(cli, request, options);
      }),
    );
}

function importCommand(run: Run): Command {
  return atHost(new Command("import").argument("<file>", "the answer"))
    .description("take an answer in: the lease, and the plugin or its newer version")
    .option("-g, --grant <codes>", "permissions to grant: requested, none, or a,b", "none")
    .option("--root <file>", "the marketplace's trust root, root.json; needed the first time")
    .option("--lease-only", "leave what is installed as it is")
    .option("--accept-stale", "go on with trust metadata that has expired")
    .option("--accept-publisher", "accept the publisher's new keys")
    .action(
      run(async (cli, file: string, options: ImportOptions) => {
        const { importFile } = await import("../license/exchange.ts");
        return await importFile(cli, file, options);
      }),
    );
}

function renewCommand(run: Run): Command {
  return atHost(new Command("renew").argument("<plugin>", "like @acme/hello"))
    .description(
      "ask the marketplace for the next lease of a stopped host; a running one does it daily",
    )
    .option("--url <url>", "the marketplace")
    .option("--root <file>", "the marketplace's trust root, root.json; the host's own by default")
    .action(
      run(async (cli, plugin: string, options: HostAddress) => {
        const { renew } = await import("../license/exchange.ts");
        return await renew(cli, plugin, options);
      }),
    );
}

function showCommand(run: Run): Command {
  return atHost(new Command("show").argument("[plugin]", "one plugin; all by default"))
    .description("show the licenses that a stopped host holds")
    .option("--at <date>", "as they will be then if nothing is renewed, like 2026-12-24 or +13d")
    .action(
      run(async (cli, ...input: [string | undefined, ShowOptions]) => {
        const [plugin, options] = input;
        const { show } = await import("../license/exchange.ts");
        return await show(cli, plugin, options);
      }),
    );
}

function atHost(command: Command): Command {
  return command.requiredOption("--data-dir <dir>", "the host's data directory");
}
