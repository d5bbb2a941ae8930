import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { LICENSE_LIMITS } from "@rising-bsm/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAccounts } from "../scripts/demo/accounts.ts";
import { startMarketplace } from "../scripts/demo/launch.ts";
import { Services } from "../scripts/demo/services.ts";
import { demoPaths } from "../scripts/demo/state.ts";
import { readSections, typeCommand, typeStep } from "./documented-commands.ts";
import type { DocumentedBlock, Ran } from "./documented-commands.ts";
import { freePort } from "./e2e/start-process.ts";

const DAY_MS = 86_400_000;

/** The page is read while tests are collected: each of its sections is one, in its order. */
const sections = readSections(await readFile("docs/licensing.md", "utf8"));

let home: string;
let port: number;
let services: Services | undefined;
const variables: Record<string, string> = {};
/** Heading → what its blocks printed. */
const printed = new Map<string, string[]>();

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "rbsm-walkthrough-"));
  await symlink(resolve("scripts"), join(home, "scripts"));
  port = await freePort();
});

afterAll(async () => {
  await services?.close();
  await rm(home, { recursive: true, force: true });
});

/** What `npm start` does up to the examples, which are nobody's business here. */
async function start(): Promise<void> {
  services = new Services();
  const step = { services, paths: demoPaths(join(home, ".rbsm")), say: () => undefined };
  const marketplace = await startMarketplace({ ...step, port });
  await createAccounts({ ...step, marketplace });
}

/** Ctrl-C in its terminal. */
async function stop(): Promise<void> {
  await services?.close();
  services = undefined;
  await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow("fetch failed");
}

async function type(command: string, env: Readonly<Record<string, string>>): Promise<Ran> {
  const line = command
    .replaceAll("npx rising-bsm", "rising-bsm")
    .replaceAll("npm run payment-event --", "node scripts/payment-event.ts");
  return { command, ...(await typeCommand(line, { cwd: home, env, answers: "" })) };
}

/** The last command of a block fails where the page shows an error, and nothing else does. */
async function follow({ commands, shown }: DocumentedBlock): Promise<string> {
  let output = "";
  for (const command of commands) {
    if (command === "npm start") {
      await start();
      continue;
    }
    const ran = await typeStep(command, variables, type);
    const isLast = command === commands.at(-1);
    const fails = isLast && shown.some((line) => line.startsWith("error "));
    expect(ran.code !== 0, `${command}\n${ran.output}`).toBe(fails);
    output += `${ran.output}\n`;
  }
  expect(output).toMatch(patternOf(shown));
  return output;
}

/** The lines in their order, with anything between them and for `…`. */
function patternOf(lines: readonly string[]): RegExp {
  const literal = (text: string) => text.replaceAll(/[^\w\s]/g, String.raw`\$&`);
  const patterns = lines.map((line) => {
    const text = line.replace(/^error (?=…)/, "");
    return text.split("…").map(literal).join("[^\\n]*");
  });
  return new RegExp(`^${patterns.join("$[^]*?^")}$`, "m");
}

function timeOf(line: string, text: string): number {
  return Date.parse(new RegExp(`^ {2}${line} +(\\S+)$`, "m").exec(text)?.[1] ?? "");
}

// Each section goes on where the one before ended, so none can be tried once more.
describe("docs/licensing.md", { retry: 0 }, () => {
  test("has each step of a license's life", () => {
    expect([...sections.keys()]).toEqual([
      "Start",
      "1. Create a paid plugin",
      "2. Buy it",
      "3. Install it with the key",
      "4. See the lease",
      "5. Cut the network",
      "6. Move the clock",
      "7. A machine without a network",
      "8. Pay the next month",
      "9. Revoke it",
    ]);
  });

  test.each([...sections])("%s", async (heading, blocks) => {
    if (heading.includes("Cut the network")) await stop();
    const outputs: string[] = [];
    for (const block of blocks) outputs.push(await follow(block));
    printed.set(heading, outputs);
  });

  test("is right about what is not there: a warning on day 12, an entitlement on day 29", () => {
    const days = printed.get("6. Move the clock") ?? [];
    expect(days.map((text) => [/^ {2}warning/m.test(text), /^ {2}allows/m.test(text)])).toEqual([
      [false, true],
      [true, true],
      [true, true],
      [true, false],
    ]);
  });

  test("is right about the month that is paid, and the length of a lease", () => {
    const before = printed.get("4. See the lease")?.join() ?? "";
    const after = printed.get("8. Pay the next month")?.join() ?? "";
    const days = (timeOf("paid until", after) - timeOf("paid until", before)) / DAY_MS;
    expect(days).toBeCloseTo(30, 2);
    const [, from = "", to = ""] = /^ {2}lease +(\S+) to (\S+)$/m.exec(before) ?? [];
    expect(Date.parse(to) - Date.parse(from)).toBe(LICENSE_LIMITS.leaseMs);
  });

  test("leaves nothing but what `npm start -- --fresh` forgets", async () => {
    expect(await readdir(home)).toEqual([".rbsm", "scripts"]);
  });
});
