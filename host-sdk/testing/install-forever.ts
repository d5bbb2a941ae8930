/**
 * Program of the crash test: installs, updates and uninstalls a set of plugins over and over until it is
 * killed. Arguments: data directory, marketplace URL, file of the root.
 */
import { readFile } from "node:fs/promises";
import { openHost } from "./host-fixture.ts";

const [dataDir = "", url = "", rootFile = ""] = process.argv.slice(2);
const host = await openHost({ dataDir, url, root: await readFile(rootFile) });
process.stdout.write("open\n");
const onProgress = ({ step, plugin }: { step: string; plugin: string }) =>
  void process.stdout.write(`${step} ${plugin}\n`);
for (;;) {
  // Backwards by name: a plugin of the set comes after what it needs.
  for (const { name } of host.plugins().toReversed()) {
    process.stdout.write(`uninstall ${name}\n`);
    await host.uninstall(name, { keepData: false });
  }
  await host.install("@acme/top", { version: "1.0.0", grant: "requested", onProgress });
  await host.update("@acme/top", { onProgress });
}
