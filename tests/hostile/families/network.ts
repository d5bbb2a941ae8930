import { each, type Family, type Payload } from "../payload.ts";

const refused: Payload = { expect: "permission_denied|request_invalid|plugin_threw" };
const granted = (host: string): Partial<Payload> => ({ manifest: { network: [host] } });
const asks = (url: string): string => `return (await fetch(${JSON.stringify(url)})).status`;

/** Ways out without a grant, and ways to what no grant may reach. */
export const network: Family = {
  ...each(refused, {
    "a host without a grant": asks("https://example.com/"),
    "loopback by name": asks("http://localhost/"),
    "loopback by address": asks("http://127.0.0.1/"),
    "loopback as a number": asks("http://2130706433/"),
    "loopback in octal": asks("http://0177.0.0.1/"),
    "loopback in hexadecimal": asks("http://0x7f.1/"),
    "loopback by IPv6": asks("http://[::1]/"),
    "a mapped address": asks("http://[::ffff:127.0.0.1]/"),
    "the metadata address": asks("http://169.254.169.254/latest/meta-data/"),
    "a file": asks("file:///etc/passwd"),
    data: asks("data:text/plain,x"),
    "a blob": asks("blob:https://example.com/1"),
    "a relative URL": asks("/etc/passwd"),
    "a user in the URL": asks("https://allowed.example@example.com/"),
    "a very long URL": `return (await fetch('https://example.com/' + 'x'.repeat(9000))).status`,
    "an object as the URL":
      "return (await fetch({ toString: () => 'https://example.com/' })).status",
    "a secret in the URL": asks("https://example.com/{{secret:TOKEN}}"),
    "a header that splits the request":
      "return (await fetch('https://example.com/', { headers: { 'x': 'a\\r\\nhost: b' } })).status",
    "a method that is none":
      "return (await fetch('https://example.com/', { method: 'CONNECT' })).status",
    "a Request with a forged URL":
      "const r = new Request('https://example.com/'); Object.defineProperty(r, 'url', { value: 'file:///etc/passwd' }); return (await fetch(r)).status",
  }),
  "loopback with a grant for it": {
    expect: "permission_denied|plugin_threw|network_unreachable|manifest_invalid",
    body: asks("https://127.0.0.1/"),
    ...granted("127.0.0.1"),
  },
  "a granted name that is loopback": {
    expect: "permission_denied|plugin_threw|network_unreachable|manifest_invalid",
    body: asks("https://localhost/"),
    ...granted("localhost"),
  },
  "a host beside the granted one": {
    expect: "permission_denied",
    body: asks("https://api.example.com.evil.example/"),
    ...granted("api.example.com"),
  },
  "the granted host with a final dot in another": {
    expect: "permission_denied",
    body: asks("https://xapi.example.com/"),
    ...granted("api.example.com"),
  },
  "a granted host that does not exist": {
    expect: "network_unreachable|network_timeout|plugin_threw",
    body: asks("https://api.invalid/"),
    ...granted("api.invalid"),
    deadlineMs: 4_000,
  },
  "a secret that nobody has entered": {
    expect: "conflict_state|request_invalid|permission_denied|plugin_threw",
    body: "return (await fetch('https://api.invalid/', { headers: { authorization: '{{secret:TOKEN}}' } })).status",
    ...granted("api.invalid"),
  },
  "a flood of fetches": {
    expect: "ok",
    body: "const all = await Promise.allSettled(Array.from({ length: 100 }, () => fetch('https://example.com/'))); return all.every((one) => one.status === 'rejected')",
    result: true,
  },
  "a fetch in an endless loop": {
    expect: "limit_cpu|limit_calls",
    body: "for (;;) await fetch('https://example.com/').catch(() => {})",
  },
};
