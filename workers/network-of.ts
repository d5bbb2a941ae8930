/**
 * What is limited together: an IPv4 address, or the first 64 bits of an IPv6 address, because every
 * line has all addresses below them; `ipv6Bits` 48 is what one customer may get. Anything else, such
 * as a missing address, is one network.
 */
export function networkOf(address: string | undefined, ipv6Bits: 48 | 64 = 64): string {
  if (address === undefined) return "unknown";
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(address)) return address;
  const groups = expandIpv6(address);
  return groups === null ? "unknown" : groups.slice(0, ipv6Bits / 16).join(":");
}

/** The eight groups, without leading zeros. */
function expandIpv6(address: string): string[] | null {
  const halves = address.toLowerCase().split("::");
  if (halves.length > 2) return null;
  const [front = [], back = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = halves.length === 2 ? 8 - front.length - back.length : 0;
  const groups = [...front, ...Array.from({ length: Math.max(0, missing) }, () => "0"), ...back];
  const isAddress = groups.length === 8 && groups.every((group) => /^[0-9a-f]{1,4}$/.test(group));
  return isAddress ? groups.map((group) => group.replace(/^0+(?=.)/, "")) : null;
}
