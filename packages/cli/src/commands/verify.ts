import { resolve } from "node:path";
import { Command } from "commander";
import type { VerifiedBundle } from "../build/verify-bundle.ts";
import type { Cli, DefineCommand } from "../command.ts";
import type { VerifiedRelease } from "../marketplace/verify-release.ts";
import { plainText } from "../plain-text.ts";
import type { Report } from "../report.ts";

interface VerifyOptions {
  readonly key?: string;
  readonly root?: string;
  readonly url?: string;
  readonly acceptStale?: boolean;
}

/** `verify FILE`: format and publisher signature, offline; with a root also what the marketplace says. */
export const verifyCommand: DefineCommand = (run) =>
  new Command("verify")
    .description("check a bundle's format, its publisher's signature and the marketplace's release")
    .argument("<file>", "a .rbsm file")
    .option("-k, --key <key>", "the publisher it must come from: key id, public key or key file")
    .option("--root <file>", "the marketplace's root.json: it has to have released this very file")
    .option("--url <url>", "that marketplace, or the folder of a mirror")
    .option("--accept-stale", "go on with trust metadata that has expired")
    .action(run(verify));

async function verify(cli: Cli, file: string, options: VerifyOptions): Promise<Report> {
  const { pinnedKeyId } = await import("../keys/key-file.ts");
  const { verifyBundle } = await import("../build/verify-bundle.ts");
  const { readBundleFile } = await import("../build/read-bundle-file.ts");
  const pin = options.key === undefined ? null : await pinnedKeyId(options.key);
  const bundle = await verifyBundle(await readBundleFile(resolve(cli.cwd, file)), pin);
  const { root, ...where } = options;
  if (root === undefined) {
    if (where.url !== undefined) throw await needsRoot();
    const by = pin === null ? "its own key (not pinned: add --key or --root)" : "the pinned key";
    return { data: { ...bundle }, text: textOf(bundle, `is intact and signed by ${by}`) };
  }
  const { verifyRelease } = await import("../marketplace/verify-release.ts");
  const release = await verifyRelease(cli, bundle, { ...where, root });
  for (const { id, reason } of release.warnings) cli.note(`warning ${id}: ${plainText(reason)}`);
  const said = `is what ${release.publisher} released`;
  return {
    data: { ...bundle, ...release, trust: "marketplace" },
    text: [textOf(bundle, said), ...linesOf(release)].join("\n"),
  };
}

async function needsRoot(): Promise<Error> {
  const { RbsmError } = await import("@rising-bsm/protocol");
  return new RbsmError("usage", "--url alone vouches for nothing", {
    fix: "pass --root FILE: the root.json that the marketplace's operator gave you",
  });
}

function textOf(
  { plugin, version, publisherKeyId, sha256, treeDigest }: VerifiedBundle,
  said: string,
): string {
  return [
    `${plugin}@${version} ${said}`,
    `  publisher ${publisherKeyId}`,
    `  sha256    ${sha256}`,
    `  tree      ${treeDigest}`,
  ].join("\n");
}

function linesOf({ url, publishedAt, logIndex }: VerifiedRelease): string[] {
  return [
    `  released  ${publishedAt} at ${url}`,
    `  log       ${logIndex === null ? "an entry of another log" : `entry ${logIndex}`}`,
  ];
}
