import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { expect, test } from "vitest";
import { startServer } from "../fixtures/marketplace.ts";
import {
  BIN,
  type CliRun,
  HELLO,
  runCli,
  temporaryFolder,
  writeFiles,
} from "../fixtures/run-cli.ts";

const OLD_NODE = (process.env["PATH"] ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "node"))
  .find((file) => existsSync(file) && major(file) < 24);

function major(node: string): number {
  return Number.parseInt(execFileSync(node, ["-p", "process.versions.node"]).toString(), 10);
}

test("--version and --help answer on stdout and exit with 0", async () => {
  const home = await temporaryFolder();
  const version = await runCli(["--version"], { home });
  expect(version).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: "",
  });
  const help = await runCli(["build", "--help"], { home });
  expect(help).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("--out <file>"),
    stderr: "",
  });
});

test.each([
  [[], "a command is missing", "rising-bsm --help lists the commands"],
  [["biuld"], "unknown command 'biuld'", "Did you mean build?"],
  [["build", "--ot", "x"], "unknown option '--ot'", "Did you mean --out?"],
  [["verify"], "missing required argument 'file'", "add --help to see how the command is used"],
  [["verify", "a", "b"], expect.stringContaining("too many arguments"), expect.any(String)],
  [["keys", "nwe"], "unknown command 'nwe'", "Did you mean new?"],
  [["search", "--limit", "0"], expect.stringContaining("from 1 to 100"), expect.any(String)],
])("%j is a usage error, as text and as JSON", async (args, message, fix) => {
  const home = await temporaryFolder();
  const json = await runCli([...args, "--json"], { home });
  expect(json).toMatchObject({ code: 2, stderr: "" });
  expect(json.json()).toEqual({ ok: false, error: { code: "usage", message, fix } });
  const text = await runCli(args, { home });
  expect(text).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("error usage"),
  });
});

test("--json stands before the command as well", async () => {
  const home = await writeFiles(await temporaryFolder(), HELLO);
  expect((await runCli(["--json", "validate"], { home })).json()).toMatchObject({ ok: true });
});

test("output to a pipe has no colours, and NO_COLOR wins over a terminal's wish", async () => {
  const home = await temporaryFolder();
  const { stderr } = await runCli(["nothing"], { home });
  expect(stderr).not.toContain("\u001b");
  const forced = await runCli(["nothing"], { home, env: { FORCE_COLOR: "1" } });
  expect(forced.stderr).toContain("\u001b[31merror");
  const refused = await runCli(["nothing"], { home, env: { NO_COLOR: "1" } });
  expect(refused.stderr).not.toContain("\u001b");
});

test("a reader that leaves early is no failure", async () => {
  const home = await temporaryFolder();
  const shell = spawnSync(
    "/bin/bash",
    ["-o", "pipefail", "-c", `"${process.execPath}" "${BIN}" --help | true`],
    {
      env: { HOME: home, PATH: process.env["PATH"] },
    },
  );
  expect(shell.status).toBe(0);
  expect(shell.stderr.toString()).toBe("");
});

test("an output that cannot be written is a failure without a stack", async () => {
  const home = await temporaryFolder();
  const shell = spawnSync("/bin/bash", ["-c", `"${process.execPath}" "${BIN}" --help >/dev/full`], {
    env: { HOME: home, PATH: process.env["PATH"] },
  });
  expect(shell.status).toBe(1);
  expect(shell.stderr.toString()).toBe("error internal the output cannot be written (ENOSPC)\n");
});

test("a current folder that was deleted is a usage error", async () => {
  const home = await temporaryFolder();
  const script = `mkdir gone && cd gone && rmdir ../gone && "${process.execPath}" "${BIN}" verify a.rbsm --json`;
  const shell = spawnSync("/bin/bash", ["-c", script], {
    cwd: home,
    env: { HOME: home, PATH: process.env["PATH"] },
  });
  expect(shell.status).toBe(2);
  expect(JSON.parse(shell.stdout.toString())).toMatchObject({
    ok: false,
    error: { code: "usage" },
  });
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s while waiting for an answer is `cancelled`",
  async (signal) => {
    const run = await interrupted(signal, [process.execPath, BIN]);
    expect(run.code).toBe(130);
    expect(run.json()).toEqual({ ok: false, error: { code: "cancelled", message: "Cancelled" } });
  },
);

test("the program runs through a link in node_modules/.bin and from any folder", async () => {
  const home = await temporaryFolder();
  const folder = join(home, "node_modules", ".bin");
  await mkdir(folder, { recursive: true });
  await symlink(BIN, join(folder, "rising-bsm"));
  const run = await runCli(["--version"], {
    home,
    cwd: "/",
    command: [process.execPath, join(folder, "rising-bsm")],
  });
  expect(run).toMatchObject({ code: 0, stderr: "" });
});

test.skipIf(OLD_NODE === undefined)(
  "under an older Node it starts the Node 24 beside it",
  async () => {
    const home = await writeFiles(await temporaryFolder(), HELLO);
    const command = [OLD_NODE ?? "", BIN];
    expect(await runCli(["--version"], { home, command })).toMatchObject({ code: 0, stderr: "" });
    expect(await runCli(["verify", "missing.rbsm"], { home, command })).toMatchObject({ code: 2 });
    expect(await interrupted("SIGINT", command)).toMatchObject({ code: 130 });
  },
);

test.skipIf(OLD_NODE === undefined)(
  "under an older Node a signal that comes early is `cancelled` too",
  async () => {
    const home = await temporaryFolder();
    // Held by a slow start of the newer Node, which knows no signal handlers yet.
    const slow = join(home, "slow.cjs");
    await writeFiles(home, {
      "slow.cjs": `if (process.version.startsWith("v24")) { process.stderr.write("up"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000); }`,
    });
    const run = await runCli(["keys", "list", "--json"], {
      home,
      command: [OLD_NODE ?? "", "--require", slow, BIN],
      onStderr: (pid) => void process.kill(pid, "SIGTERM"),
    });
    expect(run.code).toBe(130);
    expect(run.json()).toMatchObject({ ok: false, error: { code: "cancelled" } });
  },
);

test.skipIf(OLD_NODE === undefined)(
  "under an older Node alone it says what to install",
  async () => {
    const home = await temporaryFolder();
    const { readFile } = await import("node:fs/promises");
    await writeFiles(home, {
      "package.json": '{"type":"module"}',
      "bin/rising-bsm.js": await readFile(BIN),
    });
    const command = [OLD_NODE ?? "", join(home, "bin/rising-bsm.js")];
    const run = await runCli(["--version"], { home, command });
    expect(run).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("install Node 24"),
    });
    const json = await runCli(["--version", "--json"], { home, command });
    expect(json.json()).toMatchObject({ ok: false, error: { code: "internal" } });
  },
);

/** Signals the program once its request has arrived at a server that never answers. */
async function interrupted(signal: NodeJS.Signals, command: string[]): Promise<CliRun> {
  let pid = 0;
  const { url } = await startServer(() => void process.kill(pid, signal));
  const args = ["search", "--url", url, "--json"];
  const home = await temporaryFolder();
  return await runCli(args, { home, command, onSpawn: (started) => (pid = started) });
}
