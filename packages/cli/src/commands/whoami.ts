import { Command } from "commander";
import type { DefineCommand } from "../command.ts";

/** `whoami`: which marketplace and which token the other commands would use. */
export const whoamiCommand: DefineCommand = (run) =>
  new Command("whoami")
    .description("show the marketplace and the token that commands would use")
    .option("--url <url>", "the marketplace")
    .action(
      run(async (cli, options: { url?: string }) => {
        const { requireToken, resolveTarget, tokenFingerprint } =
          await import("../marketplace/credentials.ts");
        const { url, token, source } = requireToken(await resolveTarget(cli, options.url));
        const fingerprint = await tokenFingerprint(token);
        return {
          data: { url, source, tokenSha256: fingerprint },
          text: `${url}\n  token from ${source}, SHA-256 ${fingerprint.slice(0, 16)}…`,
        };
      }),
    );
