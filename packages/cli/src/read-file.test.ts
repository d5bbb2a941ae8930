import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BIN, HELLO, runCli, temporaryFolder, writeFiles } from "../fixtures/run-cli.ts";

test.each(["verify", "inspect"])(
  "%s of a file that fails to be read is a usage error",
  async (command) => {
    const home = await temporaryFolder();
    // A regular file by its type whose content nobody can read from the start.
    const run = await runCli([command, "/proc/self/mem", "--json"], { home });
    expect(run.code).toBe(2);
    expect(run.json().error).toEqual({ code: "usage", message: "/proc/self/mem cannot be read" });
  },
);

test("a configuration folder that is a file is a usage error", async () => {
  const home = await temporaryFolder();
  await writeFile(join(home, "file"), "");
  const env = { RISING_BSM_HOME: join(home, "file") };
  for (const command of [["keys", "list"], ["keys", "new"], ["whoami"], ["logout"]]) {
    const run = await runCli([...command, "--json"], { home, env });
    expect([command.join(" "), run.code, run.json().error.code]).toEqual([
      command.join(" "),
      2,
      "usage",
    ]);
  }
});

test("a plugin folder that may not be read is a usage error that names the path", async () => {
  const home = await writeFiles(await temporaryFolder(), HELLO);
  // Root reads everything, so the test becomes another user where it runs as root.
  const other = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--clear-groups"] : [];
  const command = [...other, process.execPath, BIN];
  const failures = async (path: string): Promise<unknown[]> => {
    await chmod(join(home, path), 0);
    const run = await runCli(["validate", "--json"], { home, command });
    await chmod(join(home, path), 0o755);
    return [run.code, run.json().error.message];
  };
  await chmod(home, 0o755);
  await writeFiles(home, { "lib/a.js": "" });
  expect(await failures("index.js")).toEqual([2, `${join(home, "index.js")} may not be read`]);
  expect(await failures("lib")).toEqual([2, `${join(home, "lib")} may not be read`]);
  expect(await failures("")).toEqual([2, `${join(home, "manifest.json")} may not be read`]);
});
