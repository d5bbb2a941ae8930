import { cp, mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openBundle } from "@rising-bsm/protocol";
import { buildPlugin } from "../index.ts";
import { HELLO, runCli, temporaryFolder, writeFiles } from "../../fixtures/run-cli.ts";

const TYPESCRIPT = {
  "manifest.json": HELLO["manifest.json"].replace("index.js", "main.js"),
  "src/index.ts": `import { definePlugin } from "@rising-bsm/plugin-sdk";
import { shout } from "./shout.ts";
import data from "./data.json" with { type: "json" };
export default definePlugin({ methods: { greet: (name: string) => shout(data.word + name) } });
`,
  "src/shout.ts":
    "export const shout = (text: string): string => text.toUpperCase();\nexport const unused = 'dead code';\n",
  "src/data.json": '{ "word": "hello " }',
};

async function entriesOf(folder: string, home = folder): Promise<string[]> {
  const run = await runCli(["build", folder, "--json"], { home });
  expect(run.stdout).toContain('"ok":true');
  return run.json().entries.map((entry: { path: string }) => entry.path);
}

test("build packs a plugin without sources as it is", async () => {
  const home = await writeFiles(await temporaryFolder(), { ...HELLO, "locales/de.json": "{}" });
  const run = await runCli(["build", "--out", "hello.rbsm"], { home });
  expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining("unsigned") });
  expect(run.stdout).toContain("@acme/hello@1.0.0 → hello.rbsm");
  expect(run.stdout).toContain("locales/de.json  2 B");
  const inspected = await runCli(["inspect", "hello.rbsm", "--json"], { home });
  expect(inspected.json()).toMatchObject({
    ok: true,
    plugin: "@acme/hello",
    signature: "missing",
    publisherKeyId: null,
    needsLicense: false,
    entries: [{ path: "index.js" }, { path: "locales/de.json" }, { path: "manifest.json" }],
  });
});

test("build writes to dist/ of the plugin's folder when --out is absent, and never packs it", async () => {
  const folder = await writeFiles(await temporaryFolder(), HELLO);
  await entriesOf(folder);
  expect(await readdir(join(folder, "dist"))).toEqual(["acme-hello-1.0.0.rbsm"]);
  expect(await entriesOf(folder)).toEqual(["index.js", "manifest.json"]);
});

test("build bundles sources and their imports into one module that imports nothing", async () => {
  const folder = await writeFiles(await temporaryFolder(), TYPESCRIPT);
  const { bytes } = await buildPlugin(folder);
  const code = new TextDecoder().decode(openBundle(bytes).get("main.js"));
  expect(code).not.toMatch(/import|dead code|src\//);
  expect(code).toMatch(/^[^]+\n\/\/# sourceMappingURL=main\.js\.map\n$/);
  const plugin = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  expect(plugin.default.methods.greet("you")).toBe("HELLO YOU");
});

test.each([
  ["main.js", ["src/data.json", "src/index.ts", "src/shout.ts"]],
  ["dist/server/main.js", ["../../src/data.json", "../../src/index.ts", "../../src/shout.ts"]],
])("build puts a map of the plugin's own sources beside %s", async (main, sources) => {
  const folder = await writeFiles(await temporaryFolder(), {
    ...TYPESCRIPT,
    "manifest.json": HELLO["manifest.json"].replace("index.js", main),
    "src/shout.ts": `import { loud } from "loud";\n${TYPESCRIPT["src/shout.ts"]}loud();`,
    "node_modules/loud/package.json": '{ "name": "loud", "type": "module", "main": "loud.js" }',
    "node_modules/loud/loud.js": "export const loud = () => { console.log('loud'); };\n",
  });
  const { bytes } = await buildPlugin(folder);
  const files = openBundle(bytes);
  const map = JSON.parse(new TextDecoder().decode(files.get(`${main}.map`)));
  expect(map).toMatchObject({ version: 3, mappings: expect.stringContaining("AA") });
  expect(map).not.toHaveProperty("sourcesContent");
  expect(map.sources.toSorted()).toEqual(sources);
});

test("build leaves out what belongs to the author's tools", async () => {
  const folder = await writeFiles(await temporaryFolder(), {
    ...TYPESCRIPT,
    "package.json": "{}",
    "package-lock.json": "{}",
    "tsconfig.json": '{ "compilerOptions": {} }',
    "vitest.config.ts": "",
    "plugin.test.ts": "",
    "tests/a.js": "",
    "node_modules/x/index.js": "",
    ".gitignore": "",
    ".git/config": "",
    "old.rbsm": "",
    "dist/x.js": "",
    "README.md": "# Hello",
  });
  expect(await entriesOf(folder)).toEqual(["README.md", "main.js", "main.js.map", "manifest.json"]);
});

test("two builds are byte-identical in any folder, working folder and time zone, signed or not", async () => {
  const home = await temporaryFolder();
  const one = await writeFiles(join(home, "one"), TYPESCRIPT);
  const two = join(home, "deep/er/other name");
  await cp(one, two, { recursive: true });
  await runCli(["keys", "new"], { home });
  await runCli(["build", one, "--out", "1.rbsm"], { home, env: { TZ: "Pacific/Auckland" } });
  await mkdir(join(home, "elsewhere"));
  await runCli(["build", two, "--out", "../2.rbsm"], {
    home,
    cwd: join(home, "elsewhere"),
    env: { TZ: "America/Lima", LANG: "de_DE" },
  });
  const [first, second] = await Promise.all([
    readFile(join(home, "1.rbsm")),
    readFile(join(home, "2.rbsm")),
  ]);
  expect(first.length).toBeGreaterThan(500);
  expect(first.equals(second)).toBe(true);
});

test.each([".env", ".env.local", "certs/server.pem", "id_ed25519", "my.key.json"])(
  "build refuses a folder with %s",
  async (name) => {
    const home = await writeFiles(await temporaryFolder(), { ...HELLO, [name]: "secret" });
    const run = await runCli(["build", "--json"], { home });
    expect(run.code).toBe(3);
    expect(run.json().error).toMatchObject({
      code: "bundle_secret",
      findings: [{ rule: "bundle_secret", file: name }],
    });
    expect(await readdir(home)).not.toContain("dist");
  },
);

test("build refuses a signing key under any name, and a symbolic link", async () => {
  const home = await writeFiles(await temporaryFolder(), HELLO);
  await runCli(["keys", "new", "--out", "harmless.json"], { home });
  await symlink("/etc/passwd", join(home, "link.txt"));
  const { error } = (await runCli(["build", "--json"], { home })).json();
  expect(
    error.findings.map((finding: { rule: string; file: string }) => [finding.file, finding.rule]),
  ).toEqual([
    ["harmless.json", "bundle_secret"],
    ["harmless.recovery.json", "bundle_secret"],
    ["link.txt", "bundle_structure"],
  ]);
});

test.each([
  [
    'import fs from "node:fs"; export default { fs };',
    'cannot resolve "node:fs"',
    "without Node's modules",
  ],
  [
    'import { z } from "zod-that-is-not-there"; export default z;',
    'cannot resolve "zod-that-is-not-there"',
    "install the package",
  ],
  ["export default {", "Expected", ""],
])("build shows where the source %j fails", async (source, message, fix) => {
  const home = await writeFiles(await temporaryFolder(), { ...HELLO, "src/index.ts": source });
  const run = await runCli(["build", "--json"], { home });
  expect(run.code).toBe(3);
  const [finding] = run.json().error.findings;
  expect(finding).toMatchObject({
    rule: "bundle_build_failed",
    file: "src/index.ts",
    line: expect.any(Number),
  });
  expect(finding.message).toContain(message);
  expect(finding.fix ?? "").toContain(fix);
});

test("build does not touch an earlier bundle when it fails", async () => {
  const home = await writeFiles(await temporaryFolder(), HELLO);
  await runCli(["build", "--out", "a.rbsm"], { home });
  const before = await readFile(join(home, "a.rbsm"));
  await writeFiles(home, { "manifest.json": "{}" });
  expect((await runCli(["build", "--out", "a.rbsm"], { home })).code).toBe(3);
  expect((await readFile(join(home, "a.rbsm"))).equals(before)).toBe(true);
  expect(await readdir(home)).toEqual(["a.rbsm", "index.js", "manifest.json"]);
});
