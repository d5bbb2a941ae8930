import { readdirSync, readFileSync } from "node:fs";
import { createTestHost } from "@rising-bsm/host-sdk/testing";
import { utf8 } from "@rising-bsm/protocol";
import { describe, expect, test } from "vitest";
import { HELLO, runCli, temporaryFolder, writeFiles } from "../../fixtures/run-cli.ts";

const CODE = `const spin = (rounds) => { let x = 0; for (let i = 0; i < rounds; i++) x = (x * 31 + i) | 0; return x; };
export default class {
  nothing() { return null; }
  spins(rounds) { return spin(rounds); }
  async spinsBetweenAwaits(rounds) { for (let i = 0; i < 20; i++) { spin(rounds / 20); await null; } }
  async spinsBetweenCalls(rounds) { for (let i = 0; i < 20; i++) { spin(rounds / 20); await this.api.storage.get("a"); } }
  async spinsInTimers(rounds) { for (let i = 0; i < 10; i++) { await new Promise((done) => setTimeout(done, 5)); spin(rounds / 10); } }
  allocates(rounds) { let kept = []; for (let i = 0; i < rounds / 100; i++) { kept.push({ i, text: "t" + i }); if (kept.length > 5000) kept = []; } return kept.length; }
  async waits() { await new Promise((done) => setTimeout(done, 300)); }
  serialises(rounds) { const value = Array.from({ length: 2000 }, (_, i) => ({ i, s: "x".repeat(20) })); for (let i = 0; i < rounds / 40_000; i++) JSON.parse(JSON.stringify(value)); return value; }
}
`;

/** CPU of a process in ms, all threads together, to the nanosecond: Linux counts it for each. */
function cpuMsOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const spent = threads.map((thread) => {
    const [nanoseconds = "0"] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(
      " ",
    );
    return Number(nanoseconds) / 1e6;
  });
  return spent.reduce((sum, ms) => sum + ms, 0);
}

async function host() {
  return createTestHost({
    files: new Map([
      ["manifest.json", utf8(HELLO["manifest.json"])],
      ["index.js", utf8(CODE)],
    ]),
    limits: { cpuMs: 10_000 },
  });
}

describe.runIf(process.platform === "linux")("cpuMs is what the child took for the call", () => {
  test.each([
    ["nothing", 0],
    ["spins", 5_000_000],
    ["spinsBetweenAwaits", 5_000_000],
    ["spinsBetweenCalls", 5_000_000],
    ["spinsInTimers", 5_000_000],
    ["allocates", 20_000_000],
    ["serialises", 2_000_000],
    ["waits", 0],
  ])("when a plugin %s", async (method, rounds) => {
    const sandbox = await host();
    try {
      // The child's own start is over: nothing but the call takes CPU now.
      await sandbox.call(method, [rounds / 10]);
      await new Promise((done) => setTimeout(done, 1_500));
      const { pid = 0 } = (await sandbox.usage()) ?? {};
      const before = cpuMsOf(pid);
      const { usage } = await sandbox.run(method, [rounds]);
      const delta = cpuMsOf(pid) - before;
      expect(usage.cpuMs).toBeGreaterThan(delta * 0.8 - 5);
      expect(usage.cpuMs).toBeLessThan(delta * 1.2 + 5);
    } finally {
      await sandbox.close();
    }
  });
});

test("run reports time and memory of the call, not of its start", async () => {
  const home = await writeFiles(await temporaryFolder(), { ...HELLO, "index.js": CODE });
  const run = async (method: string, rounds: number) => {
    const args = ["run", ".", "--call", method, "--args", JSON.stringify([rounds]), "--json"];
    return (await runCli(args, { home })).json().usage;
  };
  const idle = await run("nothing", 0);
  expect(idle.cpuMs).toBeLessThan(50);
  expect(idle.peakRssMb).toBeGreaterThan(20);
  const waited = await run("waits", 0);
  expect(waited.wallMs).toBeGreaterThan(295);
  expect(waited.cpuMs).toBeLessThan(100);
  const busy = await run("spins", 3_000_000);
  expect(busy.cpuMs).toBeGreaterThan(20);
  expect(busy.wallMs).toBeGreaterThan(busy.cpuMs * 0.8);
});
