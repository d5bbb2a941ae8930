import { cp, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pluginPageSchema } from "@rising-bsm/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../../scripts/demo/cli.ts";
import { readDemo } from "../../scripts/demo/state.ts";
import { expectListedIsDownloadable } from "./nothing-half-done.ts";
import { newPlace, start, type Place, type StartProcess } from "./start-process.ts";

let place: Place;
let running: StartProcess;

beforeAll(async () => {
  place = await newPlace();
  running = start(place, []);
  await running.saw("Ctrl-C ends both");
});

afterAll(async () => {
  running.kill("SIGTERM");
  await running.ended;
});

test("every plugin that is listed can be downloaded and has the digest it is listed with", async () => {
  expect(await expectListedIsDownloadable(place)).toBeGreaterThanOrEqual(5);
});

test("demo.json is for its owner alone and names every file and key", async () => {
  const file = join(place.stateDir, "demo.json");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const demo = JSON.parse(await readFile(file, "utf8"));
  expect(Object.keys(demo).toSorted()).toEqual([
    "adminToken",
    "host",
    "licenseKeys",
    "marketplace",
    "publisherKeyFile",
    "publisherToken",
    "rootFile",
  ]);
  expect(Object.keys(demo.licenseKeys).length).toBeGreaterThanOrEqual(1);
});

test("a second start finds its port in use and says which variable moves it", async () => {
  const second = await start({ ...place, stateDir: `${place.stateDir}-2` }, ["--once"]).ended;
  expect(second.code).toBe(1);
  const last = JSON.parse(second.stdout.trim().split("\n").at(-1) ?? "");
  expect(last.error).toMatchObject({
    code: "network_port_in_use",
    fix: expect.stringContaining("MARKETPLACE_PORT"),
  });
});

test("the reference host shows what is installed on a page", async () => {
  const page = await (await fetch(`http://127.0.0.1:${place.hostPort}/`)).text();
  expect(page).toContain("@demo/hello");
});

async function firstUpdated(): Promise<string | undefined> {
  const url = `http://127.0.0.1:${place.marketplacePort}/v1/plugins?sort=updated&limit=1`;
  return pluginPageSchema.parse(await (await fetch(url)).json()).items[0]?.name;
}

test("crons run: a plugin with a newer version becomes the first of those that were updated", async () => {
  const demo = await readDemo(join(place.stateDir, "demo.json"));
  if (demo === null) throw new Error("There is no demo.json");
  const dir = join(place.stateDir, "hello");
  await cp("examples/hello", dir, { recursive: true });
  const manifest = JSON.parse(await readFile(join(dir, "manifest.json"), "utf8"));
  await writeFile(join(dir, "manifest.json"), JSON.stringify({ ...manifest, version: "1.0.1" }));
  expect(await firstUpdated()).not.toBe("@demo/hello");
  const file = join(dir, "hello.rbsm");
  const accounts = { publisherToken: demo.publisherToken, keyFile: demo.publisherKeyFile };
  for (const args of [
    ["build", dir, "--out", file, "--key", accounts.keyFile],
    ["deploy", file],
  ])
    await runCli(args, accounts, demo.marketplace);
  await expect.poll(firstUpdated, { timeout: 60_000, interval: 500 }).toBe("@demo/hello");
});
