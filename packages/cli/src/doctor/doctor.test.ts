import { chmod, mkdir } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { containmentReport } from "@rising-bsm/host-sdk";
import { expect, onTestFinished, test } from "vitest";
import { runCli, temporaryFolder, writeFiles } from "../../fixtures/run-cli.ts";

async function doctor(args: readonly string[] = [], env: Record<string, string> = {}) {
  const home = await temporaryFolder();
  const run = await runCli(["doctor", ...args, "--json"], { home, env });
  return { code: run.code, ...run.json() };
}

test("doctor says that plugins run here, and in which layers", async () => {
  const { code, ok, containment, checks } = await doctor();
  expect({ code, ok }).toEqual({ code: 0, ok: true });
  expect(containment).toMatchObject({
    usable: true,
    layers: { permissionModel: { active: true } },
  });
  expect(checks).toContainEqual({
    name: "sandbox",
    state: "ok",
    detail: expect.stringMatching(/^starts in \d+ ms$/),
  });
  expect(checks).toHaveLength(8);
});

test("for people it is a line a check, and a fix below what is not as it could be", async () => {
  const home = await temporaryFolder();
  const run = await runCli(["doctor"], { home, env: { PATH: home } });
  expect(run).toMatchObject({ code: 0, stderr: "" });
  expect(run.stdout).toMatch(/^ok {4} Node for plugins +v24\./);
  expect(run.stdout).toMatch(
    /weak {2} dies with the host .*setpriv.*\n {7}fix: install util-linux/,
  );
  expect(run.stdout).toContain("Plugins run here; 2 layers of protection are off.");
});

test.each([
  [
    "another C library's binary",
    (addon: string) => addon.replace(".glibc.", ".musl."),
    "cannot be loaded",
  ],
  ["no binary", () => "/nowhere/isolated-vm.node", "RISING_BSM_ADDON names no file"],
])("with %s doctor fails and says what to do", async (_what, addonOf, message) => {
  const { addon } = await containmentReport();
  const env = { RISING_BSM_ADDON: addonOf(addon ?? "") };
  const { code, ok, error, checks, containment } = await doctor([], env);
  expect({ code, ok, usable: containment.usable }).toEqual({ code: 1, ok: false, usable: false });
  expect(error.code).toBe("unavailable");
  expect(checks).toContainEqual({
    name: "sandbox",
    state: "fails",
    detail: expect.stringContaining(message),
    fix: expect.any(String),
  });
});

test.each([
  ["a folder of one's own", 0o700, "ok", 0],
  ["a folder that others may read", 0o755, "weak", 0],
])("doctor looks at %s", async (...[_what, mode, state, exit]) => {
  const dir = await temporaryFolder();
  await writeFiles(dir, { "host.sqlite": "", "instance.key": "", "secrets.key": "" });
  await chmod(dir, mode);
  const { code, checks } = await doctor(["--data-dir", dir]);
  const check = checks.find(({ name }: { name: string }) => name === "data directory");
  expect({ code, state: check.state }).toEqual({ code: exit, state });
  if (state === "weak") {
    for (const file of ["host.sqlite", "instance.key", "secrets.key"])
      expect(check.detail).toContain(file);
    expect(check.fix).toBe(`chmod -R go= ${dir}`);
  }
});

test("doctor fails on a data directory that is missing or no folder", async () => {
  const dir = await writeFiles(await temporaryFolder(), { file: "" });
  await mkdir(join(dir, "there"), { mode: 0o700 });
  for (const name of ["missing", "file"]) {
    const { code, checks } = await doctor(["--data-dir", join(dir, name)]);
    expect(code).toBe(1);
    expect(checks.at(-1)).toMatchObject({ name: "data directory", state: "fails" });
  }
  expect(await doctor(["--data-dir", join(dir, "there")])).toMatchObject({ code: 0 });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const HOUR_MS = 3_600_000;
test.each([
  ["answers", 0, 200, ["ok", "ok"], 0],
  ["lives an hour ago", -HOUR_MS, 200, ["ok", "fails"], 1],
  ["is broken", 0, 500, ["fails"], 1],
])("doctor asks a marketplace that %s", async (...[_what, offset, status, states, exit]) => {
  const url = await serve((request, response) => {
    response.writeHead(request.url === "/health" ? status : 404, {
      date: new Date(Date.now() + offset).toUTCString(),
    });
    response.end('{"status":"ok"}');
  });
  const { code, checks } = await doctor(["--url", url]);
  const seen: { name: string; state: string }[] = checks.slice(8);
  expect(seen.map(({ state }) => state)).toEqual(states);
  expect(code).toBe(exit);
});

test("doctor waits two seconds for a marketplace, no longer", async () => {
  const url = await serve(() => undefined);
  const { code, checks } = await doctor(["--url", url]);
  expect(code).toBe(1);
  expect(checks.at(-1).detail).toContain("no answer within 2000 ms");
  const closed = await doctor(["--url", "http://127.0.0.1:1"]);
  expect(closed.checks.at(-1)).toMatchObject({ state: "fails", detail: expect.any(String) });
});
