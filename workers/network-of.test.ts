import { describe, expect, test } from "vitest";
import { networkOf } from "./network-of.ts";

describe("networkOf()", () => {
  test.for([
    ["192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:0DB8:0001:0002::", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["::", "0:0:0:0"],
    ["1::2::3", "unknown"],
    ["1:2:3", "unknown"],
    ["nonsense", "unknown"],
    [undefined, "unknown"],
  ] as const)("%s is of %s", ([address, network]) => {
    expect(networkOf(address)).toBe(network);
  });
});
