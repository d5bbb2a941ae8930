import { BlockList, isIP } from "node:net";

/*
 * IANA's special-purpose address registries (RFC 6890 and what came after it), and multicast. Of
 * IPv6 only 2000::/3 is given to anybody, so the rest needs no list: loopback, unique-local,
 * link-local, multicast, IPv4-mapped, NAT64 (64:ff9b::/96 and 64:ff9b:1::/48) and whatever comes.
 */
const SPECIAL_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8], // this network
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // carrier-grade NAT
  ["127.0.0.0", 8], // loopback
  ["169.254.0.0", 16], // link-local, with the metadata services of clouds
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // IETF protocols
  ["192.0.2.0", 24], // documentation
  ["192.31.196.0", 24], // AS112
  ["192.52.193.0", 24], // AMT
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16], // private
  ["192.175.48.0", 24], // AS112
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, broadcast
];
const SPECIAL_V6: readonly (readonly [string, number])[] = [
  ["2001::", 23], // IETF protocols: Teredo, ORCHID, benchmarks
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4 carries an IPv4 address
  ["2620:4f:8000::", 48], // AS112
  ["3ffe::", 16], // the former 6bone
  ["3fff::", 20], // documentation
];

const special = new BlockList();
for (const [net, prefix] of SPECIAL_V4) special.addSubnet(net, prefix, "ipv4");
for (const [net, prefix] of SPECIAL_V6) special.addSubnet(net, prefix, "ipv6");
const unicastV6 = new BlockList();
unicastV6.addSubnet("2000::", 3, "ipv6");

/** Whether an address is one that anybody on the Internet reaches alike; false for what is no address. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !special.check(address, "ipv4");
  // A zone id makes sense on this machine's own links only.
  if (family !== 6 || address.includes("%")) return false;
  return unicastV6.check(address, "ipv6") && !special.check(address, "ipv6");
}
