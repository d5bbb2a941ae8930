import { mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { eventually, isAlive } from "./own-children.ts";
import { findRunnerProgram } from "./runner-program.ts";
import { startTestRuntime, type TestRuntime } from "./test-runtime.ts";

/** A child in the hands of an attacker: it answers like a runner until a call names an attack. */
const RUNNER = `
import { Socket } from "node:net";
const socket = new Socket({ fd: 3, readable: true, writable: true });
const raw = (type, id, head, body = "") => {
  const payload = Buffer.from(head + "\\n" + body);
  const bytes = Buffer.alloc(13 + payload.length);
  bytes.writeUInt32BE(9 + payload.length, 0);
  bytes.writeUInt8(type, 4);
  bytes.writeBigUInt64BE(BigInt(id), 5);
  payload.copy(bytes, 13);
  return bytes;
};
const send = (type, id, head, body) => socket.write(raw(type, id, JSON.stringify(head), body));
const usage = { cpuMs: 1, peakRssMb: 40 };
const [RESULT, FAILURE, HOST_CALL, LOG, LOST, STOPPED, DYING, PONG, READY] = [65, 66, 67, 68, 69, 70, 71, 72, 64];
const flood = (bytes) => { const many = Buffer.concat(Array.from({ length: Math.ceil(65536 / bytes.length) }, () => bytes)); const go = () => { while (socket.write(many)); socket.once("drain", go); }; go(); };
const attacks = {
  hi: (id) => send(RESULT, id, { usage }, '"hi"'),
  neverGiven: () => send(RESULT, 1e6, { usage }, "1"),
  hugeId: () => send(RESULT, 2n ** 60n, { usage }, "1"),
  hugeHead: (id) => socket.write(raw(RESULT, id, JSON.stringify({ usage, x: "x".repeat(4e6) }), "1")),
  headNotJson: (id) => socket.write(raw(RESULT, id, "{usage", "1")),
  headDeep: (id) => socket.write(raw(RESULT, id, "[".repeat(100000), "1")),
  unknownType: (id) => send(200, id, {}, "1"),
  hostsOwnType: (id) => send(4, id, {}, "1"),
  tooLong: () => { const b = Buffer.alloc(5); b.writeUInt32BE(2 ** 31); socket.write(b); },
  tooShort: () => socket.write(Buffer.alloc(64)),
  secondStart: (id) => send(READY, 0, {}),
  pongs: () => send(PONG, 0, { rssMb: 1 }) + send(PONG, 0, { rssMb: 1 }),
  logNotJson: (id, plugin) => send(LOG, id, { plugin, level: 1 }, "[1"),
  logNoLine: (id, plugin) => send(LOG, id, { plugin, level: 1 }, '{"a":1}'),
  logHuge: (id, plugin) => send(LOG, id, { plugin, level: 1 }, JSON.stringify(["x".repeat(5e6), null])),
  hostCallWithoutHead: (id) => send(HOST_CALL, id, {}, "[]"),
  hostCallOfAnother: (id, plugin) => send(HOST_CALL, id, { plugin: plugin + 1, hostId: 1, method: "storage.get" }, "[]"),
  hostCallHuge: (id, plugin) => send(HOST_CALL, id, { plugin, hostId: 1, method: "storage.get" }, JSON.stringify(["x".repeat(2e6)])),
  hostCallLongName: (id, plugin) => send(HOST_CALL, id, { plugin, hostId: 1, method: "x".repeat(10000) }, "[]"),
  hostCallFlood: (id, plugin) => { for (let hostId = 0; hostId < 100; hostId += 1) send(HOST_CALL, id, { plugin, hostId, method: "never" }, "[]"); },
  floodOfLogs: (id, plugin) => flood(raw(LOG, id, JSON.stringify({ plugin, level: 1 }), '["x",null]')),
  floodOfResults: (id) => { send(RESULT, id, { usage }, "1"); flood(raw(RESULT, id, "{}", "1")); },
  floodOfLosses: (id, plugin) => flood(raw(STOPPED, 0, "{}")),
  resultNotJson: (id) => send(RESULT, id, { usage }, "{"),
  resultDeep: (id) => send(RESULT, id, { usage }, "[".repeat(400000) + "]".repeat(400000)),
  resultTooLong: (id) => send(RESULT, id, { usage }, JSON.stringify("x".repeat(6e6))),
  resultProto: (id) => send(RESULT, id, { usage }, '{"__proto__":{"polluted":1}}'),
  usageWrong: (id) => send(RESULT, id, { usage: { cpuMs: "1", peakRssMb: null } }, '"hi"'),
  failureWrong: (id) => send(FAILURE, id, { usage, error: { message: 1 } }),
  failureSpoofed: (id) => send(FAILURE, id, { usage, error: { code: "no_such_code", message: "m" } }),
  farewell: () => send(DYING, 0, {}),
  lossWithoutEnd: (id, plugin) => send(LOST, plugin, { code: "limit_cpu" }),
  stderr: (id) => process.stderr.write("x".repeat(5e6), () => send(RESULT, id, { usage }, "1")),
  silent: () => {},
};
const shape = JSON.stringify(Object.keys(attacks).map((name) => "method:" + name));
let pending = Buffer.alloc(0);
socket.on("data", (chunk) => {
  pending = Buffer.concat([pending, chunk]);
  while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE(0)) {
    const frame = pending.subarray(4, 4 + pending.readUInt32BE(0));
    pending = pending.subarray(4 + frame.length);
    const type = frame.readUInt8(0), id = Number(frame.readBigUInt64BE(1)), end = frame.indexOf(10, 9);
    const head = JSON.parse(frame.toString("utf8", 9, end));
    if (type === 1) send(RESULT, id, { usage }, shape);
    if (type === 8) send(PONG, id, { rssMb: 40 });
    if (type === 4) attacks[head.target.slice(7)](id, head.plugin);
  }
});
for (const event of ["end", "error", "close"]) socket.on(event, () => process.kill(process.pid, "SIGKILL"));
send(READY, 0, {});
`;

const runner = join(realpathSync(mkdtempSync(join(tmpdir(), "rbsm-"))), "runner.mjs");
writeFileSync(runner, RUNNER);

let runtime: TestRuntime;
let honest: TestRuntime;
beforeAll(async () => {
  honest = startTestRuntime();
  await honest.load("neighbour", `export default class { hi() { return "hi"; } }`);
});
beforeEach(async () => {
  runtime = startTestRuntime(
    ({ method, signal }) =>
      method === "never"
        ? new Promise((_, reject) =>
            signal.addEventListener("abort", () => reject(new Error("over"))),
          )
        : Promise.resolve(null),
    { program: () => ({ ...findRunnerProgram(), runner }) },
  );
  await runtime.load("p", "");
});
afterEach(() => runtime.close());
afterAll(() => honest.close());

const codeOf = (call: Promise<unknown>) =>
  call.then(
    (result) => String(result),
    ({ code }: { code: string }) => code,
  );

const VIOLATIONS = [
  "neverGiven",
  "hugeId",
  "hugeHead",
  "headNotJson",
  "headDeep",
  "unknownType",
  "hostsOwnType",
  "tooLong",
  "tooShort",
  "secondStart",
  "pongs",
  "logNotJson",
  "logNoLine",
  "logHuge",
  "hostCallWithoutHead",
  "hostCallOfAnother",
  "hostCallHuge",
  "hostCallLongName",
  "hostCallFlood",
  "floodOfLogs",
  "floodOfLosses",
];

test.each(VIOLATIONS)("%s ends the child, and nothing else", async (attack) => {
  const { pid = 0 } = runtime.usage("p") ?? {};
  const memoryBefore = process.memoryUsage().rss;
  const loop = watchLoop();
  expect(await codeOf(runtime.run("p", attack))).toBe("plugin_crashed");
  expect(isAlive(pid)).toBe(false);
  expect(await honest.run("neighbour", "hi")).toBe("hi");
  expect(loop.longestMs()).toBeLessThan(50);
  expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(150e6);
  expect(await codeOf(runtime.run("p", "hi"))).toBe("hi");
});

test("a flood after the answer ends the child too", async () => {
  const { pid = 0 } = runtime.usage("p") ?? {};
  const loop = watchLoop();
  expect(await codeOf(runtime.run("p", "floodOfResults"))).toBe("1");
  expect(await eventually(() => !isAlive(pid))).toBe(true);
  expect(loop.longestMs()).toBeLessThan(50);
  expect(await honest.run("neighbour", "hi")).toBe("hi");
});

test.each([
  ["resultNotJson", "plugin_rejected_value"],
  ["resultDeep", "plugin_rejected_value"],
  ["resultTooLong", "plugin_rejected_value"],
  ["resultProto", "plugin_rejected_value"],
  ["usageWrong", "hi"],
  ["failureWrong", "plugin_crashed"],
  ["failureSpoofed", "plugin_threw"],
])("%s is no more than the failure of its call", async (attack, outcome) => {
  const { pid } = runtime.usage("p") ?? {};
  expect(await codeOf(runtime.run("p", attack))).toBe(outcome);
  expect(await codeOf(runtime.run("p", "hi"))).toBe("hi");
  expect(runtime.usage("p")?.pid).toBe(pid);
  expect("polluted" in {}).toBe(false);
});

test("a child that answers for all ids answers no call of another child", async () => {
  await runtime.load("other", "", { tier: "system" });
  expect(runtime.usage("other")?.pid).not.toBe(runtime.usage("p")?.pid);
  const waiting = Array.from({ length: 5 }, () =>
    codeOf(runtime.run("other", "silent", [], { deadlineMs: 400 })),
  );
  expect(await codeOf(runtime.run("p", "floodOfResults"))).toBe("1");
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["limit_wall"]));
});

test.each(["dies but stays", "loses an isolate for ever"])(
  "a child that %s is ended, and the next call has another",
  async (what) => {
    const { pid = 0 } = runtime.usage("p") ?? {};
    const attack = what === "dies but stays" ? "farewell" : "lossWithoutEnd";
    const call = codeOf(runtime.run("p", attack));
    expect(await codeOf(runtime.run("p", "hi"))).toBe("hi");
    expect(await eventually(() => !isAlive(pid))).toBe(true);
    expect(await call).toBe("plugin_crashed");
  },
);

test("what a child writes to stderr does not fill the host's log", async () => {
  expect(await codeOf(runtime.run("p", "stderr"))).toBe("1");
  expect(await eventually(() => runtime.warnings.length > 0)).toBe(true);
  await codeOf(runtime.run("p", "hi"));
  expect(runtime.warnings.join("").length).toBeLessThan(64_000);
});

/** CPU that this thread took between two turns of its event loop: others on the machine do not count. */
function watchLoop(): { longestMs(): number } {
  let longest = 0;
  let before = process.threadCpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    longest = Math.max(longest, (user + system) / 1_000);
    before = process.threadCpuUsage();
  }, 1);
  return {
    longestMs() {
      clearInterval(timer);
      return longest;
    },
  };
}
