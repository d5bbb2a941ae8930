import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HELLO, runCli, temporaryFolder, writeFiles } from "../fixtures/run-cli.ts";
import { createFile, writeFileAtomic } from "./write-file.ts";

test("a file is replaced as a whole and nothing else is left behind", async () => {
  const folder = await temporaryFolder();
  const file = join(folder, "a/b/c.txt");
  await writeFileAtomic(file, "one");
  await writeFileAtomic(file, "two", 0o600);
  expect(await readFile(file, "utf8")).toBe("two");
  expect(await readdir(join(folder, "a/b"))).toEqual(["c.txt"]);
});

test("a private file lies in private folders", async () => {
  const folder = await temporaryFolder();
  await writeFileAtomic(join(folder, "a/b/secret"), "s", 0o600);
  const modes = ["a", "a/b", "a/b/secret"].map(async (path) => {
    return ((await stat(join(folder, path))).mode & 0o777).toString(8);
  });
  expect(await Promise.all(modes)).toEqual(["700", "700", "600"]);
});

test("a link is followed, not replaced", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "real"), "old");
  await symlink("real", join(folder, "link"));
  await writeFileAtomic(join(folder, "link"), "new");
  expect(await readlink(join(folder, "link"))).toBe("real");
  expect(await readFile(join(folder, "real"), "utf8")).toBe("new");
});

test("a device or pipe is written to, not replaced by a file", async () => {
  const folder = await temporaryFolder();
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const [text] = await Promise.all([readFile(pipe, "utf8"), writeFileAtomic(pipe, "through")]);
  expect(text).toBe("through");
  expect((await stat(pipe)).isFIFO()).toBe(true);
});

test("a full disk is `disk_full`", async () => {
  await expect(writeFileAtomic("/dev/full", "x")).rejects.toMatchObject({ code: "disk_full" });
});

test("of many that make one file at once, one succeeds", async () => {
  const file = join(await temporaryFolder(), "keys/default.key.json");
  const made = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => createFile(file, `key ${i}`, 0o600)),
  );
  const winners = made.flatMap(({ status }, i) => (status === "fulfilled" ? [i] : []));
  expect(winners).toHaveLength(1);
  expect(await readFile(file, "utf8")).toBe(`key ${winners[0]}`);
  expect(made.filter(({ status }) => status === "rejected")).toHaveLength(19);
});

test.each([
  ["a folder", "folder", "is a folder"],
  ["below a file", "file/x.rbsm", "is not inside a folder"],
  ["with a name that is too long", "x".repeat(300), "has a name that is too long"],
  ["where nothing can be made", "/proc/none/x.rbsm", "cannot be written"],
])("an output %s is a usage error that names the path", async (_what, out, message) => {
  const home = await writeFiles(await temporaryFolder(), HELLO);
  await mkdir(join(home, "folder"));
  await writeFile(join(home, "file"), "");
  const run = await runCli(["build", "--out", out, "--json"], { home });
  expect(run.code).toBe(2);
  expect(run.json().error).toMatchObject({
    code: "usage",
    message: expect.stringContaining(message),
  });
});

test("a configuration folder that cannot be made is a usage error", async () => {
  const home = await temporaryFolder();
  const args = ["login", "--token", "rbsm_pat_0123456789", "--url", "http://127.0.0.1:1", "--json"];
  for (const command of [args, ["keys", "new", "--json"]]) {
    const run = await runCli(command, { home, env: { RISING_BSM_HOME: "/proc/none" } });
    expect(run.code).toBe(2);
    expect(run.json().error.code).toBe("usage");
  }
});
