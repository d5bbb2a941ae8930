import { describe, expect, test } from "vitest";
import { countedAddress, rateClass } from "./rate-class.ts";

describe("rateClass()", () => {
  test.each([
    ["GET", "/v1/plugins", "browse"],
    ["GET", "/v1/plugins?q=", "browse"],
    ["GET", "/v1/plugins?q=%20", "browse"],
    ["GET", "/v1/plugins?q=invoice", "search"],
    ["HEAD", "/?q=invoice&cursor=x", "search"],
    ["GET", "/?q=&q=invoice", "search"],
    ["GET", "/plugins?page=10", "search"],
    ["GET", "/v1/plugins?query=invoice", "search"],
    ["GET", "/v1/plugins?page=1&page=10", "search"],
    ["GET", "/plugins?query=&limit=100", "browse"],
    ["GET", "/feed.atom", "browse"],
    ["GET", "/v1/changes?after=0", "browse"],
    ["GET", "/badge/@acme/hello/version.svg", "browse"],
    ["PUT", "/v1/plugins/@acme/hello/versions/1.0.0?q=x", "write"],
    ["POST", "/v1/leases", "write"],
    ["POST", "/v1/log/recover", "write"],
    ["DELETE", "/v1/plugins/@acme/hello", "write"],
    ["POST", "/licenses/verify", "write"],
    ["POST", "/v1/beacons", "beacon"],
    ["GET", "/b/00.rbsm", null],
    ["GET", "/tuf/timestamp.json", null],
    ["GET", "/log/checkpoint", null],
    ["GET", "/index/@acme/hello.json", null],
    ["GET", "/media/00.png", null],
    ["GET", "/@acme/hello/1.0.0/bundle.rbsm", null],
    ["GET", "/%40acme/hello/1.0.0/bundle.rbsm", null],
    ["GET", "/site/style.css?q=x", null],
    ["GET", "/health", null],
  ])("%s %s is %s", (method, path, expected) => {
    expect(rateClass({ method, url: `https://marketplace.test${path}` })).toBe(expected);
  });
});

test("what asks from the machine itself, or without an address, is not counted", () => {
  for (const address of [undefined, "127.0.0.1", "127.8.9.1", "::1"]) {
    expect(countedAddress(address)).toBeNull();
  }
  for (const address of ["192.0.2.1", "2001:db8::1", "nonsense"]) {
    expect(countedAddress(address)).toBe(address);
  }
});
