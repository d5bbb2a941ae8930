import { pathOf } from "../plugin-address.ts";

/** What is counted together: cheap reads, searches with words, changes, and beacons. */
export type RateClass = "browse" | "search" | "write" | "beacon";

/** The static plane and what costs no database: caches take their floods. */
const UNCOUNTED =
  /^\/(?:b|tuf|log|index|media|site)\/|^\/@|^\/(?:health|robots\.txt|openapi\.json)$/;

/** The class of a request; null is not counted. */
export function rateClass(request: Pick<Request, "method" | "url">): RateClass | null {
  const { method, url } = request;
  const path = pathOf(request);
  if (UNCOUNTED.test(path)) return null;
  if (path === "/v1/beacons") return "beacon";
  if (method !== "GET" && method !== "HEAD") return "write";
  const { searchParams } = new URL(url);
  const isSearch = SEARCHES.some((name) =>
    searchParams.getAll(name).some((text) => text.trim() !== ""),
  );
  return isSearch ? "search" : "browse";
}

/** The connector of old asks for `query`, and for pages by their number, which are walked to. */
const SEARCHES = ["q", "query", "page"];

/** Addresses of this machine: what asks from one never came through the network. */
const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/;

/** The address that a request is counted under; null for one that comes from this machine. */
export function countedAddress(connectingIp: string | undefined): string | null {
  return connectingIp === undefined || LOOPBACK.test(connectingIp) ? null : connectingIp;
}
