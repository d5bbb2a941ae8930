import { resolve } from "node:path";
import { Command } from "commander";
import type { Cli, DefineCommand } from "../command.ts";
import type { Report } from "../report.ts";

interface DeployOptions {
  readonly key?: string;
  readonly url?: string;
  readonly dryRun?: boolean;
}

/** `deploy [dir|FILE]`: publishes a bundle; publishing the same bytes again changes nothing. */
export const deployCommand: DefineCommand = (run) =>
  new Command("deploy")
    .alias("publish")
    .description("publish a plugin to the marketplace")
    .argument("[source]", "a plugin folder, which is built first, or a .rbsm file", ".")
    .option("-k, --key <file>", "sign with this key file (folders only; default: the default key)")
    .option("--url <url>", "the marketplace")
    .option("--dry-run", "run the local checks and send nothing")
    .action(run(deploy));

async function deploy(cli: Cli, source: string, options: DeployOptions): Promise<Report> {
  const { requireToken, resolveTarget } = await import("../marketplace/credentials.ts");
  const { loadBundle } = await import("../build/load-bundle.ts");
  const bundle = await loadBundle(cli, resolve(cli.cwd, source), options.key);
  const { verifyBundle } = await import("../build/verify-bundle.ts");
  const { plugin, version, sha256 } = await verifyBundle(bundle.bytes, null);
  const size = bundle.bytes.length;
  if (options.dryRun === true) {
    return {
      data: { dryRun: true, plugin, version, sha256, size },
      text: `${plugin}@${version} passes the local checks; nothing was sent`,
    };
  }
  const target = requireToken(await resolveTarget(cli, options.url));
  const { publishBundle } = await import("../marketplace/publish.ts");
  cli.note(`publishing ${plugin}@${version} to ${target.url}`);
  const published = await publishBundle(
    { ...target, signal: cli.signal },
    bundle,
    progressLine(size),
  );
  const happened = published.unchanged
    ? "was published before; nothing changed"
    : textOf(published.status);
  return {
    data: { plugin, url: target.url, size, ...published },
    text: `${plugin}@${version} ${happened}\n  sha256 ${sha256}`,
  };
}

function textOf(status: string): string {
  return status === "in_review" ? "is in review; it is listed once it is approved" : "is published";
}

/** Rewrites one line on a terminal; says nothing where no one watches. */
function progressLine(size: number): (sent: number) => void {
  return (sent) => {
    if (!process.stderr.isTTY) return;
    const percent = Math.floor((sent / size) * 100);
    process.stderr.write(`\r  ${percent}%${sent === size ? "\n" : ""}`);
  };
}
