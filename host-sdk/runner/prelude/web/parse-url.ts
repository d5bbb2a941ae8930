import { textErrand } from "../errands.ts";

/** The parts of a URL as its attributes read. */
export interface UrlParts {
  readonly href: string;
  readonly origin: string;
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
}

const MAX_LENGTH = 65_536;

/**
 * Most URLs of a plugin are written the way they are read back: http(s), a lower-case ASCII host
 * whose last label starts with a letter, and no character that is encoded. Matching these is many
 * times cheaper than asking the runner; it knows the whole standard and gets all others.
 */
const PLAIN =
  /^(https?:)\/\/((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z](?:[a-z0-9-]*[a-z0-9])?)(?::([1-9][0-9]{0,3}))?(\/[\w\-.~!$&'()*+,;=:@%/]*)?(\?[\w\-.~!$&()*+,;=:@%/?]+)?(#[\w\-.~!$&'()*+,;=:@%/?]+)?$/;
const NOT_PLAIN = /xn--|\/(?:\.|%2e){1,2}(?:[/?#]|$)/i;
const DEFAULT_PORTS = new Map([
  ["http:", "80"],
  ["https:", "443"],
]);

/** undefined when it is no URL. */
export function parseUrl(url: string, base: UrlParts | undefined): UrlParts | undefined {
  if (url.length > MAX_LENGTH) return undefined;
  const absolute = base !== undefined && /^\/(?!\/)/.test(url) ? onHost(base, url) : url;
  return (
    parsePlain(absolute) ??
    partsOf(textErrand("parseUrl", { first: url, second: base?.href ?? "" }))
  );
}

/** A path on a host: as good as a whole URL when the base is an ordinary one. */
function onHost({ protocol, host, origin }: UrlParts, path: string): string {
  return DEFAULT_PORTS.has(protocol) && origin !== "null" ? `${protocol}//${host}${path}` : path;
}

function parsePlain(url: string): UrlParts | undefined {
  const match = PLAIN.exec(url);
  if (match === null || NOT_PLAIN.test(url)) return undefined;
  const [protocol, hostname, digits, path, search, hash] = fields(match.slice(1));
  const port = digits === DEFAULT_PORTS.get(protocol) ? "" : digits;
  const host = port === "" ? hostname : `${hostname}:${port}`;
  const origin = `${protocol}//${host}`;
  const pathname = path === "" ? "/" : path;
  const href = origin + pathname + search + hash;
  const credentials = { username: "", password: "" };
  return { href, origin, protocol, ...credentials, host, hostname, port, pathname, search, hash };
}

/** The URL with one attribute set; what the standard ignores changes nothing. */
export function withUrlPart(parts: UrlParts, key: string, value: string): UrlParts | undefined {
  if (value.length > MAX_LENGTH) return undefined;
  return partsOf(textErrand("setUrlPart", { first: parts.href, second: `${key}=${value}` }));
}

/** The URL with a query that URLSearchParams wrote: it has no character that would be encoded. */
export function withQuery(parts: UrlParts, query: string): UrlParts {
  if (query === "") return withUrlPart(parts, "search", "") ?? parts;
  const [beforeHash, hash] = splitAt(parts.href, "#");
  const [beforeQuery] = splitAt(beforeHash, "?");
  const search = `?${query}`;
  return { ...parts, href: beforeQuery + search + hash, search };
}

/** The second part begins with the mark, if it is there. */
function splitAt(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at)];
}

/** The runner writes the attributes one a line. */
function partsOf(answer: string | null): UrlParts | undefined {
  if (answer === null) return undefined;
  const [href, origin, protocol, username, password, host, ...rest] = fields(answer.split("\n"));
  const [hostname, port, pathname, search, hash] = fields(rest);
  const credentials = { username, password };
  return { href, origin, protocol, ...credentials, host, hostname, port, pathname, search, hash };
}

type Text = string;
type Six = readonly [Text, Text, Text, Text, Text, Text, ...Text[]];

/** A field that did not match is empty. */
function fields(list: readonly (string | undefined)[]): Six {
  const [a = "", b = "", c = "", d = "", e = "", f = "", ...more] = list;
  return [a, b, c, d, e, f, ...more.map((field) => field ?? "")];
}
