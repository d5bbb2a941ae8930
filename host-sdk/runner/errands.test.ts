import { createHash, createHmac } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "../runtime/test-runtime.ts";
import { LATER } from "./prelude/errands.ts";
import { createErrands } from "./run-errand.ts";

const PLUGIN = `
  const until = async (work) => { let n = 0; try { for (;;) { await work(); n += 1 } } catch (error) { return [n, error.code] } };
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const bytes = (n) => Uint8Array.from({ length: n }, (_, at) => (at * 7 + (at >> 8)) & 255);
  export default class {
    hi() { return "hi" }
    async calls(n) { for (let at = 0; at < n; at += 1) await this.api.storage.get("k"); return n }
    decode() { const data = new Uint8Array(1_000_000).fill(0xe4); const decoder = new TextDecoder("latin1"); return until(() => decoder.decode(data)) }
    part() { const data = new Uint8Array(20_000_000); const decoder = new TextDecoder("latin1"); return until(() => decoder.decode(data.subarray(0, 1))) }
    replace() {
      let list = ["x"];
      for (let level = 0; level < 34; level += 1) list = [list, list];
      const answer = Array.from({ length: 600 }, () => list);
      RegExp.prototype[Symbol.replace] = () => answer;
      return new Blob(["x"], { endings: "native" }).size;
    }
    async hash(n) { return hex(await crypto.subtle.digest("SHA-512", bytes(n))) }
    async sign(keyBytes, n) {
      const key = await crypto.subtle.importKey("raw", bytes(keyBytes), { name: "HMAC", hash: "SHA-384" }, false, ["sign"]);
      return hex(await crypto.subtle.sign("HMAC", key, bytes(n)));
    }
    base64(n) { const text = Array.from(bytes(n), (byte) => String.fromCharCode(byte)).join(""); const there = btoa(text); return [there, atob(there) === text] }
    async utf8(text) { return hex(await crypto.subtle.digest("SHA-1", new TextEncoder().encode(text))) }
    decoded(label, n) { return new TextDecoder(label).decode(bytes(n)) }
  }`;

let runtime: TestRuntime;
beforeAll(async () => {
  runtime = startTestRuntime();
  await runtime.load("greedy", PLUGIN);
  await runtime.load("neighbour", PLUGIN);
});
afterAll(() => runtime.close());

const bytes = (n: number) => Uint8Array.from({ length: n }, (_, at) => (at * 7 + (at >> 8)) & 255);
const LONG = { cpuMs: 20_000, deadlineMs: 60_000 };

test("what a plugin makes a regular expression answer is made into text by the plugin's own thread", async () => {
  const pid = runtime.usage("neighbour")?.pid;
  await expect(runtime.run("greedy", "replace", [], { cpuMs: 200 })).rejects.toMatchObject({
    code: "limit_cpu",
  });
  expect(await runtime.run("neighbour", "hi")).toBe("hi");
  expect(runtime.usage("neighbour")?.pid).toBe(pid);
});

test("a neighbour does not pay for a thread that another keeps busy", async () => {
  const greedy = { isOver: false };
  const decoding = runtime
    .run("greedy", "decode", [], { ...LONG, cpuMs: 1_500 })
    .catch(() => null)
    .finally(() => (greedy.isOver = true));
  while (!greedy.isOver)
    expect(await runtime.run("neighbour", "calls", [10], { ...LONG, cpuMs: 50 })).toBe(10);
  await decoding;
});

test("with a part of a buffer only that part is sent", async () => {
  const pid = runtime.usage("neighbour")?.pid;
  expect(await runtime.run("greedy", "part", [], LONG)).toEqual([4_999, "limit_calls"]);
  expect(runtime.usage("neighbour")?.pid).toBe(pid);
});

test("errands that would keep the runner's thread are put off until it has done other things", async () => {
  const lasted: number[] = [];
  const errand = createErrands((ms) => lasted.push(ms));
  const data = new Uint8Array(65_536);
  const send = () => errand("digest", "sha512", "begin end ", data);
  await setImmediate();
  const answers = Array.from({ length: 500 }, send);
  expect(answers[0]).toBeInstanceOf(Uint8Array);
  expect(answers.at(-1)).toBe(LATER);
  expect(lasted.length).toBeLessThan(answers.length);
  await setImmediate();
  expect(send()).toBeInstanceOf(Uint8Array);
});

test.each([0, 1, 98_303, 98_304, 98_305, 300_000])(
  "%i bytes in pieces have the hash, base64 and text of the whole",
  async (n) => {
    const whole = bytes(n);
    const run = (name: string, ...args: (string | number)[]) =>
      runtime.run("neighbour", name, args, LONG);
    expect(await run("hash", n)).toBe(createHash("sha512").update(whole).digest("hex"));
    expect(await run("base64", n)).toEqual([Buffer.from(whole).toString("base64"), true]);
    for (const label of ["utf-8", "utf-16le", "gb18030", "windows-1252", "iso-2022-jp"])
      expect(await run("decoded", label, n)).toBe(new TextDecoder(label).decode(whole));
  },
);

test.each([
  [1, 10],
  [128, 0],
  [129, 200_000],
])("a key of %i bytes signs %i bytes as the standard says", async (keyBytes, n) => {
  const expected = createHmac("sha384", bytes(keyBytes)).update(bytes(n)).digest("hex");
  expect(await runtime.run("neighbour", "sign", [keyBytes, n], LONG)).toBe(expected);
});

test.each([98_302, 98_303, 98_304])(
  "a character of four bytes after %i others is not cut in two",
  async (n) => {
    const text = `${"a".repeat(n)}😀${"ä".repeat(100)}`;
    const expected = createHash("sha1").update(text).digest("hex");
    expect(await runtime.run("neighbour", "utf8", [text], LONG)).toBe(expected);
  },
);
