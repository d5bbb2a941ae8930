import { expect, test } from "vitest";
import { parseTarget, requireTarget } from "./target.ts";

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "ok";
  } catch (error) {
    return String(Object(error).code);
  }
};
const reach = (url: string, grants: readonly string[], privateOrigins: readonly string[] = []) =>
  codeOf(() => requireTarget(parseTarget(url), { grants, privateOrigins }));

const API = ["network:api.example.com"];
const WILD = ["network:*.example.com"];

test.each<[string, string, string[], string]>([
  ["the granted host", "https://api.example.com/v1?q=1#part", API, "ok"],
  ["it in capitals", "https://API.Example.COM/", API, "ok"],
  ["it with a final dot", "https://api.example.com./", API, "ok"],
  ["it in full-width letters", "https://ａｐｉ.example。com/", API, "ok"],
  ["it percent-encoded", "https://%61pi.example.com/", API, "ok"],
  ["it with its port written out", "https://api.example.com:443/", API, "ok"],
  ["two final dots", "https://api.example.com../", API, "request_invalid"],
  ["another port", "https://api.example.com:8443/", API, "request_invalid"],
  ["plain http", "http://api.example.com/", API, "request_invalid"],
  ["another scheme", "ftp://api.example.com/", API, "request_invalid"],
  ["a data URL", "data:text/plain,hello", API, "request_invalid"],
  ["a relative URL", "/v1", API, "request_invalid"],
  ["a user name", "https://api.example.com@evil.example/", API, "request_invalid"],
  ["user and password", "https://a:b@api.example.com/", API, "request_invalid"],
  [
    "a backslash in front of another host",
    "https://evil.example\\@api.example.com/",
    API,
    "permission_denied",
  ],
  [
    "the granted host as a prefix",
    "https://api.example.com.evil.example/",
    API,
    "permission_denied",
  ],
  ["the granted host as a suffix", "https://evil-api.example.com/", API, "permission_denied"],
  ["a label below it", "https://x.api.example.com/", API, "permission_denied"],
  ["one label under a wildcard", "https://a.example.com/", WILD, "ok"],
  ["several labels under a wildcard", "https://a.b.c.example.com/", WILD, "ok"],
  ["the name of the wildcard itself", "https://example.com/", WILD, "permission_denied"],
  ["an empty label under a wildcard", "https://.example.com/", WILD, "permission_denied"],
  ["a name that ends like the wildcard", "https://badexample.com/", WILD, "permission_denied"],
  ["a wildcard as the host", "https://*.example.com/", WILD, "ok"],
  ["localhost", "https://localhost/", WILD, "permission_denied"],
  ["no grant", "https://api.example.com/", [], "permission_denied"],
  [
    "a grant that is none of the network",
    "https://api.example.com/",
    ["api.example.com"],
    "permission_denied",
  ],
  [
    "an international name by its punycode",
    "https://bücher.example/",
    ["network:xn--bcher-kva.example"],
    "ok",
  ],
  ["a name that only looks alike", "https://аpi.example.com/", API, "permission_denied"],
])("%s: %s", (...[, url, grants, outcome]) => {
  expect(reach(url, grants)).toBe(outcome);
});

test("a refusal for want of a grant names the host that it needs", () => {
  expect(() =>
    requireTarget(parseTarget("https://Api.Example.com./x"), { grants: [], privateOrigins: [] }),
  ).toThrow(
    expect.objectContaining({
      message:
        'No grant covers api.example.com. Add "api.example.com" to "network" in manifest.json.',
      detail: expect.objectContaining({ permission: "network:api.example.com", missing: "grant" }),
    }),
  );
});

test("a private origin is that scheme, host and port, and needs its grant all the same", () => {
  const origins = ["http://erp.example.com:8080"];
  expect(reach("http://erp.example.com:8080/x", WILD, origins)).toBe("ok");
  expect(reach("http://erp.example.com:8080/x", API, origins)).toBe("permission_denied");
  expect(reach("http://erp.example.com:8081/x", WILD, origins)).toBe("request_invalid");
  expect(reach("https://erp.example.com:8080/x", WILD, origins)).toBe("request_invalid");
  expect(reach("http://127.0.0.1/", ["network:127.0.0.1"], ["http://127.0.0.1"])).toBe(
    "permission_denied",
  );
});

test("a URL may have 8,192 characters and a host 253", () => {
  const start = "https://api.example.com/";
  expect(reach(start + "x".repeat(8_192 - start.length), API)).toBe("ok");
  expect(reach(start + "x".repeat(8_193 - start.length), API)).toBe("request_invalid");
  const long = `${"a.".repeat(121)}example.com`;
  expect(long).toHaveLength(253);
  expect(reach(`https://${long}/`, WILD)).toBe("ok");
  expect(reach(`https://aa.${long.slice(2)}/`, WILD)).toBe("request_invalid");
});
