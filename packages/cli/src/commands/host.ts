import type { Json } from "@rising-bsm/protocol";
import { Command } from "commander";
import type { Cli, DefineCommand, Run } from "../command.ts";
import type { ManageOptions } from "../host/manage.ts";
import type { HostAddress } from "../host/with-host.ts";
import type { Report } from "../report.ts";
import { jsonArray } from "./json-array.ts";

type Work = (cli: Cli, call: { name: string; options: ManageOptions }) => Promise<Report>;

/** `host`: manages the plugins of a host that is not running, by its data directory. */
export const hostCommand: DefineCommand = (run) =>
  new Command("host")
    .description("manage the plugins of a stopped host by its data directory")
    .addCommand(listCommand(run))
    .addCommand(installCommand(run))
    .addCommand(updateCommand(run))
    .addCommand(switchCommand(run, "enable").description("start a disabled or failed plugin"))
    .addCommand(switchCommand(run, "disable").description("stop a plugin; its data stays"))
    .addCommand(switchCommand(run, "rollback").description("go back to the release before"))
    .addCommand(uninstallCommand(run))
    .addCommand(callCommand(run));

function installCommand(run: Run): Command {
  const command = onPlugin(run, "install", async (cli, { name, options }) => {
    const manage = await import("../host/manage.ts");
    return await manage.install(cli, name, options);
  });
  return withAcceptances(command)
    .description("install a plugin and what it depends on; @scope/name@range picks a version")
    .option("--license <key>", "the license key of a paid plugin");
}

function updateCommand(run: Run): Command {
  const command = onPlugin(run, "update", async (cli, { name, options }) => {
    const manage = await import("../host/manage.ts");
    return await manage.update(cli, name, options);
  });
  return withAcceptances(command).description(
    "update a plugin; the old version stays when the new one does not start",
  );
}

function uninstallCommand(run: Run): Command {
  return onPlugin(run, "uninstall", async (cli, { name, options }) => {
    const manage = await import("../host/manage.ts");
    return await manage.uninstall(cli, name, options);
  })
    .description("remove a plugin; its data stays unless --delete-data is given")
    .option("--delete-data", "delete what the plugin has stored");
}

function listCommand(run: Run): Command {
  return atHost(new Command("list").description("list what is installed")).action(
    run(async (cli, options: ManageOptions) => {
      const manage = await import("../host/manage.ts");
      return await manage.list(cli, options);
    }),
  );
}

function callCommand(run: Run): Command {
  return new Command("call")
    .argument("<name>", "the plugin, like @acme/hello")
    .argument("<method>", "the method")
    .description("call an installed plugin's method; it meets the simulated business, no real data")
    .requiredOption("--data-dir <dir>", "the host's data directory")
    .option("-a, --args <json>", "its arguments, a JSON array", jsonArray, [])
    .action(
      run(async (cli, ...input: [string, string, HostAddress & { readonly args: Json[] }]) => {
        const [name, method, options] = input;
        const manage = await import("../host/manage.ts");
        return await manage.call(cli, { name, method, ...options });
      }),
    );
}

function switchCommand(run: Run, operation: "enable" | "disable" | "rollback"): Command {
  return onPlugin(run, operation, async (cli, { name, options }) => {
    const manage = await import("../host/manage.ts");
    return await manage.switchTo(cli, name, { ...options, operation });
  });
}

function onPlugin(run: Run, command: string, work: Work): Command {
  return atHost(new Command(command).argument("<name>", "the plugin, like @acme/hello")).action(
    run((cli, name: string, options: ManageOptions) => work(cli, { name, options })),
  );
}

function atHost(command: Command): Command {
  return command
    .requiredOption("--data-dir <dir>", "the host's data directory")
    .option("--url <url>", "the marketplace")
    .option("--root <file>", "the marketplace's trust root, root.json");
}

function withAcceptances(command: Command): Command {
  return command
    .option("-g, --grant <codes>", "permissions to grant: requested, none, or a,b", "none")
    .option("--accept-stale", "go on with trust metadata that has expired")
    .option("--accept-publisher", "accept the publisher's new keys");
}
