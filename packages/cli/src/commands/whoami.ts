import { Command } from "commander";
import type { Cli, DefineCommand } from "../command.ts";
import type { Report } from "../report.ts";

interface WhoamiOptions {
  readonly url?: string;
  readonly offline?: boolean;
}

/** `whoami`: which marketplace and which token the other commands would use, and what it allows. */
export const whoamiCommand: DefineCommand = (run) =>
  new Command("whoami")
    .description("show the marketplace and the token that commands would use")
    .option("--url <url>", "the marketplace")
    .option("--offline", "do not ask the marketplace what the token allows")
    .action(run(whoami));

async function whoami(cli: Cli, options: WhoamiOptions): Promise<Report> {
  const { requireToken, resolveTarget, tokenFingerprint } =
    await import("../marketplace/credentials.ts");
  const { url, token, source } = requireToken(await resolveTarget(cli, options.url));
  const tokenSha256 = await tokenFingerprint(token);
  const line = `  token from ${source}, SHA-256 ${tokenSha256.slice(0, 16)}…`;
  if (options.offline === true) {
    return { data: { url, source, tokenSha256 }, text: `${url}\n${line}` };
  }
  const { askWhoami, whoamiText } = await import("../marketplace/whoami.ts");
  const known = await askWhoami({ url, token, signal: cli.signal });
  return {
    data: { url, source, tokenSha256, ...known },
    text: `${url}\n${whoamiText(known)}\n${line}`,
  };
}
