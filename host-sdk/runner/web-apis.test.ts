import { afterAll, beforeAll, expect, test } from "vitest";
import type { Json } from "@rising-bsm/protocol";
import type { PluginCall } from "../runtime/plugin-runtime.ts";
import { startTestRuntime, type TestRuntime } from "../runtime/test-runtime.ts";

/** What the cases of a standard do not say: where web APIs meet the host, and where they end. */
const PLUGIN = `
  const endings = [];
  export default class {
    async handleRequest(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/waits") {
        request.signal.addEventListener("abort", () => { console.log("ended by " + request.signal.reason.name); endings.push(request.signal.reason.name) });
        return new Promise(() => {});
      }
      if (pathname === "/stream") return new Response(new ReadableStream({ pull(c) { c.enqueue(new TextEncoder().encode("part ")); this.n = (this.n ?? 0) + 1; if (this.n === 3) c.close() } }));
      if (pathname === "/endless") return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)) } }));
      if (pathname === "/wrapped") { const r = new Response("ä", { status: 201 }); return new Response(r.body, r) }
      const form = await request.formData();
      return Response.json(await Promise.all([...form].map(async ([name, value]) => [name, typeof value === "string" ? value : [value.name, value.type, [...(await value.bytes())]]])));
    }
    endings() { return endings }
    async random(n) { const seen = new Set(); for (let i = 0; i < n; i += 1) seen.add(crypto.randomUUID()); return seen.size }
    errands(n) { for (let i = 0; i < n; i += 1) new URL("http://ä/" + i); return n }
    hashes(n, size) { return Promise.all(Array.from({ length: n }, () => crypto.subtle.digest("SHA-256", new Uint8Array(size)))).then((all) => all.length) }
    forever() { for (;;) new URL("http://ä/") }
    swallow() { for (;;) try { new URL("http://ä/") } catch {} }
    big() { const text = "ä€".repeat(300_000); const bytes = new TextEncoder().encode(text); return [bytes.length, new TextDecoder().decode(bytes) === text, atob(btoa("\\u00ff".repeat(500_000))).length] }
    many() { const parts = []; for (let i = 0; i < 1002; i += 1) parts.push('--B\\r\\ncontent-disposition: form-data; name="a"\\r\\n\\r\\n'); return new Response(parts.join("\\r\\n") + "\\r\\n--B--", { headers: { "content-type": "multipart/form-data; boundary=B" } }).formData() }
    german() { return new Intl.NumberFormat("de-DE", { style: "currency", currency: "EUR" }).format(1234.5) }
  }`;

let runtime: TestRuntime;
beforeAll(async () => {
  runtime = startTestRuntime();
  await runtime.load("web", PLUGIN);
});
afterAll(() => runtime.close());

function request(path: string, call: Partial<PluginCall> = {}, form: Json = null) {
  const { body = null, headers = [] } = Object(form);
  return runtime.executePlugin("web", {
    kind: "request",
    name: "handleRequest",
    args: [{ method: body === null ? "GET" : "POST", url: `http://h${path}`, headers, body }],
    context: null,
    ...call,
  });
}

async function bodyOf(path: string, form: Json = null): Promise<string> {
  const { body } = Object((await request(path, {}, form)).result);
  return Buffer.from(body, "base64").toString();
}

test("a request that nobody waits for any more is aborted, before its call is closed", async () => {
  const controller = new AbortController();
  const waiting = request("/waits", { signal: controller.signal });
  setTimeout(() => controller.abort(), 200);
  await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
  await expect
    .poll(() => runtime.run("web", "endings"), { timeout: 5_000 })
    .toEqual(["AbortError"]);
});

test("a request past its deadline is aborted as timed out", async () => {
  await expect(request("/waits", { deadlineMs: 300 })).rejects.toMatchObject({
    code: "limit_wall",
  });
  await expect
    .poll(() => runtime.run("web", "endings"), { timeout: 5_000 })
    .toEqual(["AbortError", "TimeoutError"]);
});

test("a response may be a stream, up to what a message carries", async () => {
  expect(await bodyOf("/stream")).toBe("part part part ");
  await expect(request("/endless")).rejects.toMatchObject({ code: "limit_payload" });
});

test("a response made from another's body is sent", async () => {
  expect(await bodyOf("/wrapped")).toBe("ä");
});

test("a form that Node sends arrives, files byte for byte", async () => {
  const form = new FormData();
  form.append("name", "ä\nb");
  form.append("file", new File([new Uint8Array([0, 255, 13, 10])], "a.bin", { type: "a/b" }));
  const sent = new Response(form);
  const headers = [["content-type", sent.headers.get("content-type") ?? ""]];
  const body = Buffer.from(await sent.arrayBuffer()).toString("base64");
  expect(JSON.parse(await bodyOf("/form", { headers, body }))).toEqual([
    ["name", "ä\r\nb"],
    ["file", ["a.bin", "a/b", [0, 255, 13, 10]]],
  ]);
});

test("a form has a bounded number of parts", async () => {
  await expect(runtime.run("web", "many")).rejects.toMatchObject({ code: "plugin_threw" });
});

test("a form and a header that are full of spaces are read within the budget of a call", async () => {
  const spaces = " ".repeat(16_000);
  const part = `--B\r\nx: a${spaces}b\r\ncontent-disposition: form-data; name="a"\r\n\r\nc \r\n`;
  const body = Buffer.from(`${part.repeat(60)}--B--`).toString("base64");
  const headers = [
    ["content-type", "multipart/form-data; boundary=B"],
    ["x-spaces", `a${spaces}b`],
  ];
  const read = JSON.parse(await bodyOf("/form", { headers, body }));
  expect(read).toEqual(Array.from({ length: 60 }, () => ["a", "c "]));
});

test("long texts and bytes are converted within the budget of a call", async () => {
  expect(await runtime.run("web", "big")).toEqual([1_500_000, true, 500_000]);
});

test("one call may have so much done by the runner and no more", async () => {
  const budget = { cpuMs: 20_000, deadlineMs: 60_000 };
  expect(await runtime.run("web", "errands", [4_000], budget)).toBe(4_000);
  await expect(runtime.run("web", "errands", [5_001], budget)).rejects.toMatchObject({
    code: "limit_calls",
  });
  expect(await runtime.run("web", "hashes", [10, 1_000_000], budget)).toBe(10);
  await expect(runtime.run("web", "hashes", [10, 7_000_000], budget)).rejects.toMatchObject({
    code: expect.stringMatching(/^limit_/),
  });
});

test("a plugin that never stops asking the runner is ended, and others answer", async () => {
  const greedy = `greedy-${crypto.randomUUID()}`;
  await runtime.load(greedy, PLUGIN);
  const codes = await Promise.all(
    ["forever", "swallow"].map((name) =>
      runtime.run(greedy, name).catch((error: { code: string }) => error.code),
    ),
  );
  expect(codes).toEqual([
    // Both run in one isolate: on a busy machine the CPU limit of the other can be met first.
    expect.stringMatching(/^limit_(calls|cpu)$/),
    expect.stringMatching(/^(limit_cpu|limit_wall|plugin_crashed)$/),
  ]);
  expect(await runtime.run("web", "random", [3])).toBe(3);
});

test("random values do not repeat", async () => {
  expect(await runtime.run("web", "random", [500])).toBe(500);
});

test("numbers are written as a locale writes them", async () => {
  expect(await runtime.run("web", "german")).toBe("1.234,50\u00a0€");
});
