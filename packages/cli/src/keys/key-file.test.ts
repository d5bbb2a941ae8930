import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "../../fixtures/run-cli.ts";

test("keys new stores a key that only its owner can read, and never prints its seed", async () => {
  const home = await temporaryFolder();
  const run = await runCli(["keys", "new", "--json"], { home });
  const { file, keyId, publicKey } = run.json();
  expect(file).toBe(join(home, ".config/rising-bsm/keys/default.key.json"));
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const stored = JSON.parse(await readFile(file, "utf8"));
  expect(stored).toMatchObject({ publicKey, seed: expect.stringMatching(/^[\w-]{43}$/) });
  const listed = await runCli(["keys", "list", "--json"], { home });
  expect(listed.json().keys).toEqual([{ name: "default", default: true, keyId, publicKey, file }]);
  const exported = await runCli(["keys", "export"], { home });
  expect(exported.stdout).toBe(`${publicKey}\n`);
  expect([run, listed, exported].map(({ stdout, stderr }) => stdout + stderr).join()).not.toContain(
    stored.seed,
  );
});

test("keys new never overwrites a key", async () => {
  const home = await temporaryFolder();
  await runCli(["keys", "new", "--out", "a.json"], { home });
  const before = await readFile(join(home, "a.json"), "utf8");
  const run = await runCli(["keys", "new", "--out", "a.json", "--json"], { home });
  expect(run.code).toBe(8);
  expect(run.json().error.code).toBe("conflict_exists");
  expect(await readFile(join(home, "a.json"), "utf8")).toBe(before);
});

test("keys new does not overwrite a file that is no key", async () => {
  const home = await temporaryFolder();
  await writeFile(join(home, "notes.txt"), "mine");
  expect((await runCli(["keys", "new", "--out", "notes.txt", "--json"], { home })).code).toBe(8);
  expect(await readFile(join(home, "notes.txt"), "utf8")).toBe("mine");
});

test.each([
  [{ RISING_BSM_HOME: "own" }, "own/keys"],
  [{ XDG_CONFIG_HOME: "xdg" }, "xdg/rising-bsm/keys"],
])("%j moves the configuration folder", async (relative, expected) => {
  const home = await temporaryFolder();
  const env = Object.fromEntries(
    Object.entries(relative).map(([name, folder]) => [name, join(home, folder)]),
  );
  const run = await runCli(["keys", "new", "--json"], { home, env });
  expect(run.json().file).toBe(join(home, expected, "default.key.json"));
});

test.each([
  ["text", "not a key"],
  ["type only", '{"type":"https://rising-bsm.com/publisher-key/v1"}'],
])("a key file with %s is a usage error", async (_name, content) => {
  const home = await temporaryFolder();
  await writeFile(join(home, "k.json"), content);
  const run = await runCli(["keys", "export", "--key", "k.json", "--json"], { home });
  expect(run.code).toBe(2);
  expect(run.json().error.code).toBe("usage");
});

test("what is no key is named, with where to find one", async () => {
  const home = await temporaryFolder();
  const { error } = (await runCli(["keys", "revoke", "deadbeef", "--json"], { home })).json();
  expect(error).toMatchObject({ code: "usage", message: expect.stringContaining('"deadbeef"') });
  expect(error.fix).toContain("keys list");
});

test("a key file whose halves do not belong together is refused", async () => {
  const home = await temporaryFolder();
  await runCli(["keys", "new", "--out", "a.json"], { home });
  await runCli(["keys", "new", "--out", "b.json"], { home });
  const [a, b] = await Promise.all(
    ["a.json", "b.json"].map(async (name) => JSON.parse(await readFile(join(home, name), "utf8"))),
  );
  await writeFile(join(home, "a.json"), JSON.stringify({ ...a, seed: b.seed }));
  const run = await runCli(["keys", "export", "--key", "a.json", "--json"], { home });
  expect(run.code).toBe(3);
  expect(run.json().error.code).toBe("signature_key_rejected");
});
