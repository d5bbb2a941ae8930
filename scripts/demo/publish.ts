import { mkdir, readdir, readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { checkManifest, type Manifest } from "@rising-bsm/protocol";
import type { Accounts } from "./accounts.ts";
import { runCli } from "./cli.ts";
import type { Marketplace, Step } from "./launch.ts";

const Published = z.object({ status: z.string(), sha256: z.string() });

/** Every folder under examples/ that holds a plugin, with its manifest. */
async function findExamples(): Promise<{ dir: string; manifest: Manifest }[]> {
  const folders = (await readdir("examples")).map((name) => join("examples", name));
  const found = folders.filter((dir) => existsSync(join(dir, "manifest.json"))).toSorted();
  return Promise.all(
    found.map(async (dir) => {
      const { manifest, findings } = checkManifest(
        JSON.parse(await readFile(join(dir, "manifest.json"), "utf8")),
      );
      if (manifest === null)
        throw new Error(`${dir}: ${findings.map((finding) => finding.message).join("; ")}`);
      return { dir, manifest };
    }),
  );
}

/** Builds, signs and publishes each example with the CLI; two at a time, one for each core. */
export async function publishExamples(
  input: Pick<Step, "paths" | "say"> & { marketplace: Marketplace; accounts: Accounts },
): Promise<Manifest[]> {
  const { marketplace, accounts, paths, say } = input;
  await mkdir(paths.bundlesDir, { recursive: true });
  const examples = await findExamples();
  const queue = [...examples];
  async function work(): Promise<void> {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { name, version } = next.manifest;
      const file = join(paths.bundlesDir, `${name.replace("/", "-")}-${version}.rbsm`);
      await runCli(
        ["build", next.dir, "--out", file, "--key", accounts.keyFile],
        accounts,
        marketplace.url,
      );
      const { sha256, status } = Published.parse(
        await runCli(["deploy", file], accounts, marketplace.url),
      );
      say(`Published ${name} ${version} (${status}, sha256 ${sha256.slice(0, 12)}…)`);
    }
  }
  await Promise.all([work(), work()]);
  return examples.map(({ manifest }) => manifest);
}
