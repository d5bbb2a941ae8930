import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseOfflineRequest, verifyOfflineRequest } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { runCli, temporaryFolder } from "../../fixtures/run-cli.ts";

async function hostHome(): Promise<string> {
  const home = await temporaryFolder();
  await mkdir(join(home, "data"));
  return home;
}

test("host list opens a new data directory and lets go of it", async () => {
  const home = await hostHome();
  for (let round = 0; round < 2; round++) {
    const run = await runCli(["host", "list", "--data-dir", "data", "--json"], { home });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.json()).toEqual({ ok: true, plugins: [], fork: null });
  }
});

test.each(["enable", "disable", "rollback", "uninstall"])(
  "host %s of what is not installed is plugin_not_found",
  async (operation) => {
    const home = await hostHome();
    const run = await runCli(["host", operation, "@acme/hello", "--data-dir", "data", "--json"], {
      home,
    });
    expect(run.code).toBe(3);
    expect(run.json().error.code).toBe("plugin_not_found");
  },
);

test.each(["install", "update"])(
  "host %s needs the marketplace's trust root",
  async (operation) => {
    const home = await hostHome();
    const args = ["host", operation, "@acme/hello", "--data-dir", "data", "--json"];
    const run = await runCli(args, { home });
    expect(run.code).toBe(2);
    expect(run.json().error.fix).toContain("--root");
  },
);

test("host call of what is not installed is plugin_not_found", async () => {
  const home = await hostHome();
  const args = ["host", "call", "@acme/hello", "greet", "--data-dir", "data", "--json"];
  const run = await runCli(args, { home });
  expect([run.code, run.json().error.code]).toEqual([3, "plugin_not_found"]);
});

test("license renew goes by the root that the host knows, and says when there is none", async () => {
  const home = await hostHome();
  const args = ["license", "renew", "@acme/hello", "--data-dir", "data", "--json"];
  const run = await runCli(args, { home });
  expect([run.code, run.json().error.fix]).toEqual([2, expect.stringContaining("--root")]);
});

test("license request asks for the version that is named, and refuses what is none", async () => {
  const home = await hostHome();
  const key = "RBSM-0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV-WXYZ";
  const request = ["license", "request", "@acme/hello", "--key", key, "--data-dir", "data"];
  const ask = (version: string) =>
    runCli([...request, "--version", version, "--out", "request.json", "--json"], { home });
  expect((await ask("^2.0.0")).json()).toMatchObject({ claims: "activation" });
  const file = parseOfflineRequest(await readFile(join(home, "request.json")));
  expect((await verifyOfflineRequest(file)).request.version).toBe("^2.0.0");
  const none = await ask("");
  expect([none.code, none.json().error.code]).toEqual([2, "usage"]);
});

test.each(["+d", "13d", "+999999d", "+-1d", "next week 5", "1", "2026-02-30", "2026-12"])(
  "license show knows no date %s",
  async (at) => {
    const home = await hostHome();
    const run = await runCli(["license", "show", "--data-dir", "data", "--at", at, "--json"], {
      home,
    });
    expect([run.code, run.json().error.code]).toEqual([2, "usage"]);
  },
);

test("host refuses a data directory that does not exist, and makes none", async () => {
  const home = await temporaryFolder();
  const run = await runCli(["host", "list", "--data-dir", "typo", "--json"], { home });
  expect(run.code).toBe(2);
  expect(run.json().error.fix).toMatch(/mkdir -p -m 700 \/.+\/typo$/);
  expect(await readdir(home)).toEqual([]);
});
