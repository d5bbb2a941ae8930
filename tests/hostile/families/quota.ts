import { setImmediate } from "node:timers/promises";
import type { Json } from "@rising-bsm/protocol";
import { each, type Family, type Payload } from "../payload.ts";

const stopped: Payload = { expect: "limit_cpu|limit_memory" };

/** A value of 250 KB is written in one piece: 7 ms, and more when garbage is collected with it. */
const WRITE_STALL_MS = 25;
/** A body of 1 MiB that takes 6 MiB of JSON is parsed in one piece. */
const PARSE_STALL_MS = 25;
/** What is created stays in the simulated business, and its garbage is collected in the host's turns. */
const KEEP_STALL_MS = 25;

/** A hundred calls; begun one a turn, because that is the host's own work. */
async function atOnce(call: (number: number) => Promise<Json>): Promise<number> {
  const open: Promise<Json>[] = [];
  for (let number = 0; number < 100; number += 1) {
    open.push(call(number));
    await setImmediate();
  }
  return (await Promise.all(open)).length;
}

/** Asking for more than one plugin gets. */
export const quota: Family = {
  "the 33rd host call in flight": {
    expect: "limit_calls",
    body: "await Promise.all(Array.from({ length: 33 }, (_, k) => this.api.storage.get('k' + k)))",
  },
  "32 host calls in flight": {
    expect: "ok",
    body: "return (await Promise.all(Array.from({ length: 32 }, (_, k) => this.api.storage.get('k' + k)))).length",
    result: 32,
  },
  ...each(stopped, {
    "host calls that nobody awaits": "for (;;) this.api.storage.get('k').catch(() => {})",
    "host calls that are all refused": "for (;;) this.api.customers.list().catch(() => {})",
    "host calls with large arguments":
      "const v = 'x'.repeat(2e5); for (;;) await Promise.allSettled(Array.from({ length: 32 }, () => this.api.storage.get(v)))",
    "log lines past the limit, caught":
      "for (;;) { try { console.log('x'.repeat(1e4)) } catch {} }",
    "log lines of getters": "for (;;) { try { console.log({ get x() { return {} } }) } catch {} }",
  }),
  "log lines": { expect: "limit_log", body: "for (;;) console.log('x')" },
  "one log line of 65 KB": {
    expect: "limit_log",
    body: "this.api.log('info', 'x'.repeat(66_000))",
  },
  "log fields of 100 KB": {
    expect: "limit_log",
    body: "this.api.log('info', 'm', { x: 'x'.repeat(1e5) })",
  },
  "log lines with control characters": {
    expect: "ok",
    body: "this.api.log('error', '\\u001b[2J\\u0000\\r\\nFAKE LINE'); return 1",
    result: 1,
  },
  "log lines of a level that is none": {
    expect: "ok",
    body: "this.api.log('fatal\\n', 'm'); this.api.log(undefined, undefined); return 1",
    result: 1,
  },
  "a flood of timers": { expect: "plugin_threw", body: "for (;;) setTimeout(() => {}, 0)" },
  "a flood of timers set and cleared": {
    expect: "plugin_threw",
    body: "for (;;) clearTimeout(setTimeout(() => {}, 1e6))",
  },
  "a flood of intervals": { expect: "plugin_threw", body: "for (;;) setInterval(() => {}, 1)" },
  "ten thousand timers at once": {
    expect: "ok|limit_cpu",
    body: "let n = 0; await new Promise((done) => { for (let k = 0; k < 9_000; k += 1) setTimeout(() => { n += 1; if (n === 9_000) done() }, 1) }); return n",
    result: 9_000,
  },
  "a timer for ever": {
    expect: "limit_wall",
    body: "await new Promise((done) => setTimeout(done, 2 ** 40))",
    deadlineMs: 200,
  },
  "a value over the limit": {
    expect: "limit_storage|limit_payload",
    body: "await this.api.storage.set('k', 'x'.repeat(262_145))",
  },
  "more storage than there is": {
    stallMs: WRITE_STALL_MS,
    expect: "limit_storage|limit_calls",
    body: "for (let k = 0; ; k += 1) await this.api.storage.set('k' + k, 'x'.repeat(250_000))",
    cpuMs: 2_000,
  },
  "more keys than there are": {
    expect: "limit_storage|limit_calls",
    body: "for (let k = 0; k < 1_100; k += 1) await this.api.storage.set('k' + k, 1)",
    cpuMs: 2_000,
  },
  "a key over the limit": {
    expect: "limit_storage|plugin_threw|request_invalid|usage|limit_payload",
    body: "await this.api.storage.set('k'.repeat(257), 1)",
  },
  "writes without end": {
    expect: "limit_calls|limit_cpu|limit_wall",
    body: "for (;;) await this.api.storage.set('k', Math.random())",
    cpuMs: 2_000,
  },
  "reads without end": {
    expect: "limit_calls|limit_cpu|limit_wall",
    body: "for (;;) await this.api.storage.get('k')",
    cpuMs: 2_000,
  },
  "notifications without end": {
    expect: "limit_calls|limit_cpu",
    body: "for (;;) await this.api.notifications.send({ to: 'installer', title: 'x' })",
    permissions: ["notifications.send"],
    cpuMs: 2_000,
  },
  "customers without end": {
    expect: "limit_calls|limit_cpu|limit_wall",
    deadlineMs: 3_000,
    body: "for (;;) await this.api.customers.create({ name: 'x' })",
    permissions: ["customers.create"],
    cpuMs: 2_000,
    stallMs: KEEP_STALL_MS,
  },
  "a page of a million": {
    expect: "ok|request_invalid|plugin_threw|usage",
    body: "return (await this.api.customers.list({ limit: 1e6, page: 1 })).items.length <= 100",
    result: true,
    permissions: ["customers.view"],
  },
  "a call of itself": {
    expect: "limit_calls|permission_denied|plugin_threw|plugin_not_found|host_busy",
    body: "return this.api.plugins.call('@hostile/self', 'go')",
  },
  "an argument just below the limit": {
    expect: "ok",
    body: "return args[0].length",
    args: ["x".repeat(1_048_570)],
    result: 1_048_570,
  },
  "a response of 2 MB": {
    expect: "limit_payload",
    by: "request",
    members: "handleRequest() { return new Response(new Uint8Array(2e6)) }",
  },
  "a response that streams for ever": {
    expect: "limit_payload|limit_cpu|limit_memory|plugin_threw",
    by: "request",
    members:
      "handleRequest() { return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)) } })) }",
  },
  "a response with 100,000 headers": {
    expect: "limit_payload|limit_cpu|plugin_threw|plugin_rejected_value",
    by: "request",
    members:
      "handleRequest() { const r = new Response('x'); for (let k = 0; k < 1e5; k += 1) r.headers.append('x-' + k, 'v'); return r }",
  },
  "a response with a header of 5 MB": {
    expect: "limit_payload|plugin_threw|plugin_rejected_value",
    by: "request",
    members:
      "handleRequest() { return new Response('x', { headers: { 'x-long': 'v'.repeat(5e6) } }) }",
  },
  "a response of 1 MB of control characters": {
    stallMs: PARSE_STALL_MS,
    expect: "ok|limit_cpu",
    by: "request",
    members: "handleRequest() { return new Response('\\u0001'.repeat(1_048_576)) }",
  },
  "a result of half a million items": {
    expect: "ok",
    act: async ({ call }) => Object(await call("go")).length,
    body: "return new Array(500_000).fill(0)",
    result: 500_000,
    cpuMs: 2_000,
  },
  "thousands of reads at the same moment": {
    expect: "ok",
    members: `async ask() { const all = await Promise.allSettled(Array.from({ length: 32 }, () => this.api.storage.get("k"))); return all.length; }`,
    act: ({ call }) => atOnce(() => call("ask")),
    cpuMs: 4_000,
    result: 100,
  },
  "hundreds of writes at the same moment": {
    expect: "ok",
    members: `async ask(k) { const all = await Promise.allSettled(Array.from({ length: 32 }, (_, n) => this.api.storage.set("k" + k + n, n))); return all.length; }`,
    act: ({ call }) => atOnce((number) => call("ask", number)),
    cpuMs: 4_000,
    result: 100,
  },
  "lists of a full storage": {
    stallMs: WRITE_STALL_MS,
    expect: "ok",
    body: "for (let k = 0; k < 20; k += 1) await this.api.storage.set('k' + k, 'x'.repeat(250_000)); return (await this.api.storage.list({ limit: 1 })).keys",
    result: ["k0"],
    cpuMs: 2_000,
  },
  "answers of 250 KB, 32 at a time": {
    stallMs: WRITE_STALL_MS,
    expect: "ok|limit_cpu|limit_memory",
    body: "await this.api.storage.set('k', 'x'.repeat(250_000)); return (await Promise.all(Array.from({ length: 32 }, () => this.api.storage.get('k')))).length",
    result: 32,
    cpuMs: 2_000,
  },
  "headers that speak for the application": {
    expect: "ok",
    members: `handleRequest() { return new Response('<script>1</script>', { headers: { 'set-cookie': 'session=1', 'content-security-policy': '*', 'access-control-allow-origin': '*', 'location': 'https://evil.example/', 'content-type': 'text/html', 'clear-site-data': '*' } }) }`,
    act: async ({ host, plugin }) => {
      const actor = { id: 1, permissions: "all" } as const;
      const request = new Request(`http://h/plugins/x/${plugin}/page`);
      const { headers } = await host.handle(request, { actor, base: "/plugins" });
      return [
        headers.get("set-cookie"),
        headers.get("access-control-allow-origin"),
        headers.get("location"),
        headers.get("clear-site-data"),
        headers.get("content-security-policy")?.startsWith("sandbox") ?? false,
      ];
    },
    result: [null, null, null, null, true],
  },
};
