import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { containmentReport } from "./containment.ts";
import { findRunnerProgram } from "./runner-program.ts";

const program = findRunnerProgram();
const { PATH } = process.env;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rbsm-containment-"));
});
afterEach(async () => {
  process.env["PATH"] = PATH;
  await rm(folder, { recursive: true, force: true });
});

test("a report says what runs plugins here and which layers hold", async () => {
  const report = await containmentReport();
  expect(report).toMatchObject({
    usable: true,
    node: expect.stringMatching(/^v24\./),
    nodeAbi: "137",
    addon: expect.stringContaining("isolated-vm"),
    startMs: expect.any(Number),
    layers: {
      permissionModel: { active: true },
      jitless: { active: true },
      libcMatch: { active: true },
    },
  });
  expect(report).not.toHaveProperty("problem");
  expect(report.startMs).toBeGreaterThan(0);
});

test.runIf(process.platform === "linux")(
  "layers whose tools are missing are seen to be off",
  async () => {
    process.env["PATH"] = folder;
    const { usable, layers } = await containmentReport();
    expect(usable).toBe(true);
    expect(layers).toMatchObject({
      rlimitData: { active: true },
      pdeathsig: { active: false, why: expect.stringContaining("setpriv") },
      networkNamespace: { active: false, why: expect.stringContaining("unshare") },
      permissionModel: { active: true },
    });
  },
);

test.each([
  ["another C library's", async () => program.addon.replace(".glibc.", ".musl.")],
  ["none at all", async () => join(folder, "isolated-vm.node")],
  [
    "a damaged one",
    async () => {
      const file = join(folder, "isolated-vm.node");
      await writeFile(file, readFileSync(program.addon).subarray(0, 1_000));
      return file;
    },
  ],
])("with %s as addon it says that the binary cannot be loaded", async (_what, addonOf) => {
  const addon = await addonOf();
  const report = await containmentReport({ program: { ...program, addon } });
  expect(report).toMatchObject({
    usable: false,
    addon,
    startMs: null,
    problem: {
      message: expect.stringMatching(/^The isolated-vm binary cannot be loaded: .+/),
      fix: expect.stringContaining(addon),
    },
    layers: { libcMatch: { active: false }, permissionModel: { active: true } },
  });
});

test("without a runner it says what the process said", async () => {
  const runner = join(folder, "runner.mjs");
  const report = await containmentReport({ program: { ...program, runner } });
  expect(report.usable).toBe(false);
  expect(report.problem?.message).toContain(`Cannot find module '${runner}'`);
  await writeFile(runner, "throw new Error('broken on purpose')");
  const broken = await containmentReport({ program: { ...program, runner } });
  expect(broken.problem?.message).toContain("broken on purpose");
});

test("without a Node it says so", async () => {
  const report = await containmentReport({ program: { ...program, node: join(folder, "node") } });
  expect(report).toMatchObject({
    usable: false,
    node: null,
    problem: { message: expect.stringContaining("ENOENT") },
  });
});

test("what it starts is gone when it answers", async () => {
  const seen = new Set<string>();
  const timer = setInterval(() => {
    for (const child of childrenOf(process.pid)) seen.add(child);
  }, 5);
  onTestFinished(() => clearInterval(timer));
  await containmentReport();
  clearInterval(timer);
  expect(seen.size).toBeGreaterThan(1);
  expect(childrenOf(process.pid)).toEqual([]);
});

function childrenOf(pid: number): string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.split(" ").filter((child) => child !== "");
}
