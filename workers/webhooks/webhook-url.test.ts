import { RbsmError } from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readWebhookUrl } from "./webhook-url.ts";

const MARKETPLACE = new URL("https://marketplace.test/v1/webhooks");
const ON_LOOPBACK = new URL("http://127.0.0.1:8787/v1/webhooks");

/** What the URL is refused for; null when it is taken. */
function problemOf(text: string, marketplace = MARKETPLACE): string | null {
  try {
    readWebhookUrl(text, marketplace);
    return null;
  } catch (error) {
    if (error instanceof RbsmError && error.code === "request_invalid") return error.message;
    throw error;
  }
}

test.each([
  ["https://hooks.example.com", "https://hooks.example.com/"],
  ["https://hooks.example.com:8443/in?to=crm", "https://hooks.example.com:8443/in?to=crm"],
  ["HTTPS://Hooks.Example.Com./a/../b", "https://hooks.example.com./b"],
  ["https://büro.example", "https://xn--bro-hoa.example/"],
])("takes %s", (text, url) => {
  expect(readWebhookUrl(text, MARKETPLACE)).toBe(url);
});

test.each([
  ["", /no? ?.*address/],
  ["hooks.example.com", /is not an address/],
  ["http://hooks.example.com", /begin with https/],
  ["ftp://hooks.example.com", /begin with https/],
  ["javascript:alert(1)", /begin with https/],
  ["https://user@hooks.example.com", /user or password/],
  ["https://:secret@hooks.example.com", /user or password/],
  ["https://hooks.example.com/#part", /fragment/],
  ["https://marketplace.test/v1/orders", /the marketplace itself/],
  ["https://marketplace.test.:8443/v1/orders", /the marketplace itself/],
  ["https://localhost/", /public name/],
  ["http://127.0.0.1/", /begin with https/],
  ["https://127.0.0.1/", /public name/],
  ["https://0x7f.1/", /public name/],
  ["https://2130706433/", /public name/],
  ["https://169.254.169.254/latest/meta-data", /public name/],
  ["https://[::1]/", /public name/],
  ["https://[::ffff:10.0.0.1]/", /public name/],
  ["https://intranet/", /public name/],
  ["https://printer.local/", /public name/],
  ["https://metadata.google.internal./", /public name/],
  ["https://api.localhost/", /public name/],
])("refuses %s", (text, problem) => {
  expect(problemOf(text)).toMatch(problem);
});

describe("a marketplace on loopback", () => {
  test.each(["http://127.0.0.1:9000/in", "http://localhost:9000/", "https://[::1]:9000/"])(
    "may call %s",
    (text) => {
      expect(problemOf(text, ON_LOOPBACK)).toBeNull();
    },
  );

  test.each([
    ["http://localhost:8787/v1/orders", /the marketplace itself/],
    ["ftp://127.0.0.1:21/", /no http address/],
    ["http://hooks.example.com/", /begin with https/],
    ["https://10.0.0.1/", /public name/],
  ])("may not call %s", (text, problem) => {
    expect(problemOf(text, ON_LOOPBACK)).toMatch(problem);
  });
});

test("whatever is taken leads by https to a name, as it stands", () => {
  const label = fc.stringMatching(/^[a-z0-9_%.-]{1,12}$/);
  const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
  const anyUrl = fc
    .record({ scheme: fc.constantFrom("https:", "http:", "data:"), host, rest: fc.string() })
    .map(({ scheme, host, rest }) => `${scheme}//${host}/${rest}`);
  fc.assert(
    fc.property(fc.oneof(anyUrl, fc.string()), (text) => {
      if (problemOf(text) !== null) return;
      const url = new URL(readWebhookUrl(text, MARKETPLACE));
      expect(url.protocol).toBe("https:");
      expect(url.hostname).toMatch(/\.[a-z0-9-]*[a-z-][a-z0-9-]*\.?$/);
      expect(readWebhookUrl(url.href, MARKETPLACE)).toBe(url.href);
    }),
  );
});

test("no address of a machine is taken, however it is written", () => {
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV4Extended(),
    fc.ipV6().map((address) => `[${address}]`),
  );
  fc.assert(
    fc.property(host, fc.constantFrom("", ":8443"), (name, port) => {
      expect(problemOf(`https://${name}${port}/`)).not.toBeNull();
    }),
  );
});
