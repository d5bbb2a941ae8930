import { Resolver } from "node:dns/promises";
import { isPublicAddress } from "./public-address.ts";

/** An address that a name stands for. */
export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Finds all addresses of a name; throws when there are none. */
export type Lookup = (host: string, signal: AbortSignal) => Promise<readonly Address[]>;

const DNS_TIMEOUT_MS = 2_000;

/**
 * Asks the name servers of the system. Not `dns.lookup`: that occupies one of libuv's few threads
 * for as long as a server is slow, and reads names of this machine's own from `/etc/hosts`.
 */
export async function lookupInDns(host: string, signal: AbortSignal): Promise<Address[]> {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 2 });
  const cancel = () => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const found = [
      ...addressesOf(v4).map((address) => ({ address, family: 4 }) as const),
      ...addressesOf(v6).map((address) => ({ address, family: 6 }) as const),
    ];
    if (found.length === 0) throw new Error(`No address: ${reasonOf(v4)}, ${reasonOf(v6)}`);
    return found;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

function addressesOf(answer: PromiseSettledResult<string[]>): string[] {
  return answer.status === "fulfilled" ? answer.value : [];
}

function reasonOf(answer: PromiseSettledResult<string[]>): string {
  return answer.status === "fulfilled" ? "none" : String(Object(answer.reason).code);
}

/** How a name is resolved. */
export interface Resolution {
  readonly lookup: Lookup;
  readonly signal: AbortSignal;
}

/** All addresses of a name; gives up with the signal, whether the lookup heeds it or not. */
export async function resolveHost(
  host: string,
  { lookup, signal }: Resolution,
): Promise<readonly Address[]> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(signal.reason);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([lookup(host, signal), promise]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/**
 * The addresses to connect to. A name with one address that is not public is refused whole: whoever
 * mixes them has the next connection in mind.
 */
export async function resolvePublic(
  host: string,
  resolution: Resolution,
): Promise<readonly Address[]> {
  const found = await resolveHost(host, resolution);
  if (found.length > 0 && found.every(({ address }) => isPublicAddress(address))) return found;
  throw new Error("The name does not stand for public addresses alone");
}
