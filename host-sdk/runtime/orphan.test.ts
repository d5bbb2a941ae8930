import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const HOST = `
import { createSupervisor } from ${JSON.stringify(new URL("supervisor.ts", import.meta.url).href)};
const runtime = createSupervisor({ spareChild: false, logger: { warn() {} }, onLog() {}, onHostCall: async () => null });
const code = "export default class { spin() { for (;;) {} } hi() { return 'hi' } }";
const files = new Map([["index.js", new TextEncoder().encode(code)]]);
const license = { entitlements: [], info: null };
await runtime.loadPlugin({ id: "p", name: "@a/b", version: "1.0.0", main: "index.js", files, config: {}, license });
if (process.argv[2] === "spin") void runtime.executePlugin("p", { kind: "method", name: "spin", args: [], context: null, cpuMs: 60000, deadlineMs: 60000 });
console.log(runtime.usage("p").pid);
if (process.argv[2] !== "end") setInterval(() => {}, 1000);
`;

const startHost = (mode: string) =>
  spawn(process.execPath, ["--input-type=module", "-", mode], {
    stdio: ["pipe", "pipe", "inherit"],
  });

async function pidFrom(host: ReturnType<typeof startHost>): Promise<number> {
  host.stdin.end(HOST);
  return new Promise((resolve) => host.stdout.once("data", (chunk) => resolve(Number(chunk))));
}

async function isGone(pid: number): Promise<boolean> {
  for (let waited = 0; waited < 100; waited += 1) {
    if (!existsSync(`/proc/${pid}`) || / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")))
      return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

test.each(["idle", "spin"])("a child that is %s ends when its parent is killed", async (mode) => {
  const host = startHost(mode);
  const pid = await pidFrom(host);
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 100));
  host.kill("SIGKILL");
  expect(await isGone(pid)).toBe(true);
});

test("an idle child does not keep its parent running", async () => {
  const host = startHost("end");
  const ended = new Promise((resolve) => host.once("exit", resolve));
  const pid = await pidFrom(host);
  expect(await ended).toBe(0);
  expect(await isGone(pid)).toBe(true);
});
