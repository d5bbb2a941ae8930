import { Command } from "commander";
import type { DefineCommand } from "../command.ts";

/** `info NAME`: a plugin and its versions, as the marketplace lists them. */
export const infoCommand: DefineCommand = (run) =>
  new Command("info")
    .description("show a plugin of the marketplace and its versions")
    .argument("<name>", "the plugin, like @acme/hello")
    .option("--url <url>", "the marketplace")
    .action(
      run(async (cli, name: string, options: { url?: string }) => {
        const { resolveTarget } = await import("../marketplace/credentials.ts");
        const { pluginText, readPlugin } = await import("../marketplace/catalogue.ts");
        // A private plugin is there for its publisher's token alone.
        const { url, token } = await resolveTarget(cli, options.url);
        const { plugin, versions } = await readPlugin({ url, token, signal: cli.signal }, name);
        return { data: { plugin, versions }, text: pluginText(plugin, versions) };
      }),
    );
