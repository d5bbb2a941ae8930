import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type CliRun, runCli } from "../packages/cli/fixtures/run-cli.ts";
import { type PublishedMarketplace, startPublishedMarketplace } from "./published-marketplace.ts";

const INVOICES = "@acme/invoices";
const LEDGER = "@acme/ledger";
const REMINDERS = "@acme/reminders";

let home: string;
let market: PublishedMarketplace;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "rbsm-search-"));
  market = await startPublishedMarketplace(home);
  await publish(INVOICES, {
    description: "Exports invoices",
    categories: ["finance"],
    license: "MIT",
    permissions: ["customers.view"],
    network: ["api.example.com"],
    pricing: { plans: [{ id: "once", kind: "perpetual", price: { amount: 9, currency: "EUR" } }] },
  });
  await publish(LEDGER, {
    description: "Books invoices",
    categories: ["reporting"],
    license: "ISC",
    permissions: ["customers.view"],
  });
  const { DB } = await market.worker.marketplace.getEnv();
  await DB.prepare("UPDATE publishers SET verified = 1").run();
  await publish(REMINDERS, {
    description: "Reminds of appointments",
    categories: ["appointments"],
    permissions: ["appointments.view"],
    engines: { "rising-bsm": "^3.0.0" },
  });
});
afterAll(async () => {
  await market.worker.harness.close();
  await rm(home, { recursive: true, force: true });
});

async function publish(name: string, more: object): Promise<void> {
  const folder = join(home, name.slice(6));
  const rest = { version: "1.0.0", main: "index.js", permissions: [], dependencies: {}, ...more };
  await mkdir(folder);
  await writeFile(join(folder, "manifest.json"), JSON.stringify({ name, ...rest }));
  await writeFile(join(folder, "index.js"), "export default {};");
  await market.cli("deploy", folder);
}

function search(...args: readonly string[]): Promise<CliRun> {
  return runCli(["search", ...args], { home, env: { RISING_BSM_URL: market.url } });
}

const Page = z.object({ items: z.array(z.object({ name: z.string() })) });

async function found(...args: readonly string[]): Promise<string[]> {
  return Page.parse(await market.cli("search", ...args)).items.map(({ name }) => name);
}

async function linesOf(...args: readonly string[]): Promise<string[]> {
  const { code, stdout } = await search(...args);
  expect(code).toBe(0);
  return stdout.trimEnd().split("\n");
}

test.each([
  [
    ["--sort", "new"],
    [REMINDERS, LEDGER, INVOICES],
  ],
  [
    ["--sort", "name"],
    [INVOICES, LEDGER, REMINDERS],
  ],
  [["--permission", "customers.view", "--permission", "!network"], [LEDGER]],
  [["--permission", "customers.view,network"], [INVOICES]],
  [
    ["--sort", "name", "--category", "finance", "--category", "reporting"],
    [INVOICES, LEDGER],
  ],
  [
    ["--sort", "name", "--license", "MIT,ISC"],
    [INVOICES, LEDGER],
  ],
  [["--license", "ISC"], [LEDGER]],
  [["--host", "3.0", "--verified"], [REMINDERS]],
  [
    ["--host", "2.0", "--sort", "name"],
    [INVOICES, LEDGER],
  ],
  [["--verified"], [REMINDERS]],
  [["--price", "paid"], [INVOICES]],
])("search %j finds %j", async (args, names) => {
  expect(await found(...args)).toEqual(names);
});

test("every parameter of the API is an option, every order a choice", async () => {
  const description = z.object({
    paths: z.object({
      "/v1/plugins": z.object({
        get: z.object({
          parameters: z.array(
            z.object({
              name: z.string(),
              schema: z.object({ enum: z.array(z.string()).optional() }),
            }),
          ),
        }),
      }),
    }),
  });
  const answer = await fetch(`${market.url}/openapi.json`);
  const { parameters } = description.parse(await answer.json()).paths["/v1/plugins"].get;
  const { stdout: help } = await search("--help");
  const options = parameters.filter(({ name }) => name !== "q").map(({ name }) => `--${name} `);
  expect(options.filter((option) => !help.includes(option))).toEqual([]);
  const sorts = parameters.find(({ name }) => name === "sort")?.schema.enum ?? [];
  expect(sorts.length).toBeGreaterThan(6);
  for (const sort of sorts) expect(await found("--sort", sort)).toHaveLength(3);
});

test("the commands that it prints turn the pages", async () => {
  const first = await linesOf("--sort", "name", "--limit", "2");
  const second = await linesOf(...typed(first.at(-1), "next page"));
  expect(second[1]).toContain(REMINDERS);
  expect(await linesOf(...typed(second.at(-1), "previous page"))).toEqual(first);
});

test("a slip is corrected, and what was understood as a filter stays one", async () => {
  const lines = await linesOf("invioces", "without", "network");
  expect(lines.slice(0, 4)).toEqual([
    `"without network" was understood as --permission '!network'`,
    `to look for the words themselves: rising-bsm search '"invioces without network"'`,
    `did you mean "invoices"? rising-bsm search invoices --permission '!network'`,
    "",
  ]);
  expect(lines.at(-1)).toContain(LEDGER);
  expect(await found("invoices", "--permission", "!network")).toEqual([LEDGER]);
  expect(await linesOf("invioces", "--sort", "new")).toEqual([
    "nothing found",
    `did you mean "invoices"? rising-bsm search invoices --sort new`,
  ]);
});

test("nothing found names the filter that is in the way, and words that nothing has", async () => {
  expect(await linesOf("invoices", "--category", "team")).toEqual([
    "nothing found",
    "without --category team there are at least 2",
  ]);
  expect((await linesOf("invoices", "xyzzyq"))[0]).toBe(
    "no plugin has all of the words; the best one lacks: xyzzyq",
  );
  expect(await linesOf("xyzzyq")).toEqual(["nothing found; try other words or fewer filters"]);
});

test.each([
  ["--host", "new"],
  ["--license", "MIT OR ISC"],
  ["--cursor", "made-up"],
])("%s %s is refused by the marketplace as wrong usage", async (option, value) => {
  const { code, stdout, stderr } = await search(option, value);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^error \w+ .+/);
});

/** The arguments of a printed command that has no quotes in it. */
function typed(line: string | undefined, title: string): string[] {
  const [before, command = ""] = (line ?? "").split(": rising-bsm search ");
  expect(before).toBe(title);
  return command.split(" ");
}
