import { expect, test } from "vitest";
import { HELLO, runCli, temporaryFolder, writeFiles } from "../../fixtures/run-cli.ts";

test("validate accepts the seed's smallest plugin and writes nothing", async () => {
  const home = await writeFiles(await temporaryFolder(), HELLO);
  const run = await runCli(["validate", "--json"], { home });
  expect(run).toMatchObject({ code: 0, stderr: "" });
  expect(run.json()).toEqual({
    ok: true,
    plugin: "@acme/hello",
    version: "1.0.0",
    files: 2,
    findings: [],
  });
});

test("validate says what a person will look at before the release", async () => {
  const code = "export default { methods: { hello() { return '\u202e'; } } };\n";
  const home = await writeFiles(await temporaryFolder(), { ...HELLO, "index.js": code });
  const run = await runCli(["validate", "--json"], { home });
  expect(run).toMatchObject({ code: 0 });
  expect(run.json().findings).toMatchObject([{ rule: "scan_bidi", path: "index.js:1:47" }]);
  expect((await runCli(["validate"], { home })).stdout).toContain("a person will review it");
});

test("validate lists every mistake with line, column and fix", async () => {
  const manifest = `{
  "name": "@acme/hello",
  "version": "1",
  "main": "index.js",
  "icon": "missing.png",
  "permisions": [],
  "permissions": ["customers.veiw"],
  "dependencies": {}
}`;
  const home = await writeFiles(await temporaryFolder(), { ...HELLO, "manifest.json": manifest });
  const run = await runCli(["validate", "--json"], { home });
  expect(run.code).toBe(3);
  const { code, findings } = run.json().error;
  expect(code).toBe("manifest_invalid");
  expect(findings).toMatchObject([
    { path: "version", file: "manifest.json", line: 3, column: 14 },
    { path: "permisions", line: 6, column: 3, fix: expect.stringContaining("permissions") },
    { path: "permissions[0]", line: 7, column: 19, fix: expect.stringContaining("customers.view") },
  ]);
  const text = await runCli(["validate"], { home });
  expect(text).toMatchObject({ code: 3, stdout: "" });
  expect(text.stderr).toContain('> 6 |   "permisions": [],\n    |   ^^^^^^^^^^^^');
});

test("validate names files that the manifest promises and the folder lacks", async () => {
  const manifest = { ...JSON.parse(HELLO["manifest.json"]), main: "gone.js", readme: "README.md" };
  const home = await writeFiles(await temporaryFolder(), {
    ...HELLO,
    "manifest.json": JSON.stringify(manifest),
  });
  const { error } = (await runCli(["validate", "--json"], { home })).json();
  expect(error).toMatchObject({
    code: "bundle_missing_entry",
    findings: [{ path: "main" }, { path: "readme" }],
  });
});

test("validate shows where a manifest stops being JSON", async () => {
  const home = await writeFiles(await temporaryFolder(), {
    "manifest.json": '{\n  "name": "x",\n}',
  });
  const { error } = (await runCli(["validate", "--json"], { home })).json();
  expect(error).toMatchObject({ code: "manifest_invalid", findings: [{ line: 3, column: 1 }] });
});

test.each([
  [["validate"], "manifest_missing", 3],
  [["validate", "no/such/folder"], "usage", 2],
  [["build", "no/such/folder"], "usage", 2],
])("%j in an empty folder is %s", async (args, code, exit) => {
  const home = await temporaryFolder();
  const run = await runCli([...args, "--json"], { home });
  expect(run.code).toBe(exit);
  expect(run.json()).toMatchObject({ ok: false, error: { code, message: expect.any(String) } });
});
