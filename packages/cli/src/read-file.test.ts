import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "../fixtures/run-cli.ts";

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
