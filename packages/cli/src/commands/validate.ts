import { resolve } from "node:path";
import { Command } from "commander";
import type { DefineCommand } from "../command.ts";

/** `validate [dir]`: every finding at once, with its place and its fix; writes nothing. */
export const validateCommand: DefineCommand = (run) =>
  new Command("validate")
    .description("check a plugin folder without building it")
    .argument("[dir]", "the plugin's folder", ".")
    .action(
      run(async (cli, dir: string) => {
        const { findingsError, readPluginFolder } = await import("../build/plugin-folder.ts");
        const { packBundle, readBundle, scanBundle } = await import("@rising-bsm/protocol");
        const { manifest, files, findings } = await readPluginFolder(resolve(cli.cwd, dir));
        if (manifest === null || findings.length > 0) throw findingsError(findings);
        await readBundle(packBundle(files));
        const warnings = scanBundle(files);
        return {
          data: {
            plugin: manifest.name,
            version: manifest.version,
            files: files.size,
            findings: warnings,
          },
          text: [
            `${manifest.name}@${manifest.version} is valid (${files.size} files)`,
            ...warnings.map(
              ({ path, message, fix }) => `${path}: ${message}; a person will review it. ${fix}`,
            ),
          ].join("\n"),
        };
      }),
    );
