import { Command } from "commander";
import type { Cli, DefineCommand } from "../command.ts";
import type { Report } from "../report.ts";

interface MarkOptions {
  readonly reason?: string;
  readonly undo?: boolean;
  readonly url?: string;
}

/** `yank`: nobody new gets the version; who has it keeps it. */
export const yankCommand: DefineCommand = (run) =>
  markCommand("yank", "stop new installs of a version; installed ones keep running").action(
    run((cli, release: string, options: MarkOptions) =>
      mark(cli, release, { ...options, kind: "yank" }),
    ),
  );

/** `deprecate`: the version stays available with a warning. */
export const deprecateCommand: DefineCommand = (run) =>
  markCommand("deprecate", "advise against a version without removing it").action(
    run((cli, release: string, options: MarkOptions) =>
      mark(cli, release, { ...options, kind: "deprecate" }),
    ),
  );

/** `status`: one version as the marketplace knows it. */
export const statusCommand: DefineCommand = (run) =>
  new Command("status")
    .description("show the state of a version in the marketplace")
    .argument("<release>", "like @acme/hello@1.0.0")
    .option("--url <url>", "the marketplace")
    .action(run(status));

function markCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument("<release>", "like @acme/hello@1.0.0")
    .option("-r, --reason <text>", "why, shown to administrators")
    .option("--undo", "take the mark away again")
    .option("--url <url>", "the marketplace");
}

async function mark(
  cli: Cli,
  text: string,
  options: MarkOptions & { kind: "yank" | "deprecate" },
): Promise<Report> {
  const { requireToken, resolveTarget } = await import("../marketplace/credentials.ts");
  const { markReason, markRelease, parseReleaseName } = await import("../marketplace/release.ts");
  const release = parseReleaseName(text);
  const reason = markReason(options.reason, options.undo === true);
  const target = requireToken(await resolveTarget(cli, options.url));
  const { kind } = options;
  const answer = await markRelease({ ...target, signal: cli.signal }, release, { kind, reason });
  const done = { yank: "yanked", deprecate: "deprecated" }[kind];
  return {
    data: { ...release, status: answer.status, [done]: reason === null ? false : { reason } },
    text: `${text} is ${reason === null ? "no longer " : ""}${done}`,
  };
}

async function status(cli: Cli, text: string, options: { url?: string }): Promise<Report> {
  const { resolveTarget } = await import("../marketplace/credentials.ts");
  const { parseReleaseName, readRelease } = await import("../marketplace/release.ts");
  const { stateText } = await import("../marketplace/catalogue.ts");
  const release = parseReleaseName(text);
  const { url, token } = await resolveTarget(cli, options.url);
  const info = await readRelease({ url, token, signal: cli.signal }, release);
  return { data: { plugin: release.plugin, ...info }, text: `${text} is ${stateText(info)}` };
}
