import { Command } from "commander";
import type { DefineCommand } from "../command.ts";

/** `login`: stores a marketplace token, readable by this user only. */
export const loginCommand: DefineCommand = (run) =>
  new Command("login")
    .description("store a marketplace token")
    .option("--token <token>", "the token; without it the token is asked for, or read from stdin")
    .option("--url <url>", "the marketplace")
    .action(
      run(async (cli, options: { token?: string; url?: string }) => {
        const { resolveTarget, storeCredentials } = await import("../marketplace/credentials.ts");
        const { url } = await resolveTarget(cli, options.url);
        const { readToken } = await import("../marketplace/read-token.ts");
        const token = await readToken(cli, url, options.token);
        const file = await storeCredentials(cli.env, { url, token });
        return { data: { url, file }, text: `signed in to ${url} (token in ${file})` };
      }),
    );

/** `logout`: forgets the stored token. */
export const logoutCommand: DefineCommand = (run) =>
  new Command("logout").description("forget the stored token").action(
    run(async (cli) => {
      const { removeCredentials } = await import("../marketplace/credentials.ts");
      const url = await removeCredentials(cli.env);
      return {
        data: { url },
        text: url === null ? "you were not signed in" : `signed out of ${url}`,
      };
    }),
  );
