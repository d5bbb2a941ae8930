import * as fc from "fast-check";
import { expect, test } from "vitest";
import { isPublicAddress } from "./public-address.ts";
import { parseTarget, requireTarget } from "./target.ts";

/** First and last address of what is not the Internet, written down apart from the code. */
const REFUSED_V4: readonly (readonly [string, string])[] = [
  ["0.0.0.0", "0.255.255.255"],
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["169.254.0.0", "169.254.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["192.0.0.0", "192.0.0.255"],
  ["192.0.2.0", "192.0.2.255"],
  ["192.88.99.0", "192.88.99.255"],
  ["192.168.0.0", "192.168.255.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["198.51.100.0", "198.51.100.255"],
  ["203.0.113.0", "203.0.113.255"],
  ["224.0.0.0", "255.255.255.255"],
];
const REFUSED_V6: readonly (readonly [string, number])[] = [
  ["::", 96], // unspecified, loopback, IPv4-compatible
  ["::ffff:0:0", 96], // IPv4-mapped
  ["64:ff9b::", 96], // NAT64
  ["64:ff9b:1::", 48], // NAT64 of a local network
  ["100::", 64], // discard
  ["2001::", 32], // Teredo
  ["2001:2::", 48], // benchmark
  ["2001:10::", 28], // ORCHID
  ["2001:20::", 28], // ORCHIDv2
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4
  ["3fff::", 20], // documentation
  ["5f00::", 16], // segment routing
  ["fc00::", 7], // unique local
  ["fe80::", 10], // link-local
  ["fec0::", 10], // site-local
  ["ff00::", 8], // multicast
];

const toNumber = (address: string) =>
  address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const toBytes = (value: number) =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256);
const dotted = (value: number) => toBytes(value).join(".");

const refusedV4 = fc
  .constantFrom(...REFUSED_V4)
  .chain(([first, last]) => fc.integer({ min: toNumber(first), max: toNumber(last) }));

const refusedV6 = fc
  .tuple(fc.constantFrom(...REFUSED_V6), fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }))
  .map(([[net, prefix], random]) => {
    const hostBits = BigInt(128 - prefix);
    return ((groupsOf(net) >> hostBits) << hostBits) | (random & ((1n << hostBits) - 1n));
  });

/** The number of an address without an IPv4 tail. */
function groupsOf(address: string): bigint {
  const [head = "", tail = ""] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].reduce(
    (sum, part) => (sum << 16n) | BigInt(`0x${part}`),
    0n,
  );
}

function spellingsOfV6(value: bigint): string[] {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const full = groups.join(":");
  const short = new URL(`http://[${full}]/`).hostname.slice(1, -1);
  const mixed = `${groups.slice(0, 6).join(":")}:${dotted(Number(value & 0xffffffffn))}`;
  return [full, full.toUpperCase(), short, mixed];
}

/** What URL parsers, inet_aton and its like read as one IPv4 address. */
function spellingsOfV4(value: number): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = toBytes(value);
  const hex = (part: number) => `0x${part.toString(16)}`;
  const octal = (part: number) => `0${part.toString(8)}`;
  return [
    dotted(value),
    String(value),
    hex(value),
    octal(value),
    [a, b, c, d].map(hex).join("."),
    [a, b, c, d].map(octal).join("."),
    `${a}.${value % 2 ** 24}`,
    `${a}.${b}.${value % 2 ** 16}`,
    `${hex(a)}.${octal(b)}.${c}.${d}`,
    `${dotted(value)}.`,
    dotted(value).replaceAll(".", "。"),
    encodeAll(dotted(value)),
  ];
}

const encodeAll = (text: string) => Buffer.from(text).toString("hex").replace(/../g, "%$&");

/** Every grant there can be, and a few that no manifest can ask for. */
const permit = {
  grants: ["network:*.example.com", "network:*", "network:*.", "network:*.1", "network:127.0.0.1"],
  privateOrigins: [],
};

test("no address outside the Internet is public, however it is written", () => {
  fc.assert(
    fc.property(refusedV4, refusedV6, (v4, v6) => {
      expect(isPublicAddress(dotted(v4))).toBe(false);
      for (const text of spellingsOfV6(v6)) {
        expect(isPublicAddress(text), text).toBe(false);
        expect(isPublicAddress(`${text}%eth0`), text).toBe(false);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("the first and last address of each range are refused, the neighbours are not", () => {
  for (const [first, last] of REFUSED_V4) {
    expect([first, last].map(isPublicAddress)).toEqual([false, false]);
  }
  const neighbours = ["1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"];
  const more = ["126.255.255.255", "128.0.0.0", "172.15.255.255", "172.32.0.0", "223.255.255.255"];
  const v6 = ["2001:200::", "2001:4860:4860::8888", "2003::", "2a00::1", "3ffd:ffff::1"];
  for (const address of [...neighbours, ...more, ...v6]) {
    expect(isPublicAddress(address), address).toBe(true);
  }
});

test("what is no address is not public", () => {
  for (const text of [
    "",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "2130706433",
    "[2a00::1]",
    "2a00::1%1",
  ]) {
    expect(isPublicAddress(text), text).toBe(false);
  }
});

test("a URL that names an address in any spelling is refused, with any grants", () => {
  const refuse = (host: string) =>
    expect(() => requireTarget(parseTarget(`https://${host}/`), permit), host).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^(permission_denied|request_invalid)$/),
      }),
    );
  fc.assert(
    fc.property(refusedV4, refusedV6, (v4, v6) => {
      for (const text of spellingsOfV4(v4)) refuse(text);
      for (const text of spellingsOfV6(v6)) {
        refuse(`[${text}]`);
        refuse(`[${text}%25eth0]`);
      }
    }),
    { numRuns: 500 },
  );
});
