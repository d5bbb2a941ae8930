import { FETCH_LIMITS, type Json, networkPermission, RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import type { FetchAnswer, FetchRequest, GuardedFetch, SentHeader } from "../network/fetch.ts";
import { parseTarget, type Target } from "../network/target.ts";
import { hostMethod, type HostMethod } from "./host-method.ts";

/** Finds what an administrator entered; null when nobody has. */
export type ReadSecret = (plugin: string, name: string) => Promise<string | null>;

/** What `fetch` is served with. */
export interface FetchParts {
  readonly fetch: GuardedFetch;
  readonly readSecret: ReadSecret;
}

const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const requestSchema = z
  .strictObject({
    method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    url: z.string(),
    headers: z
      .array(z.tuple([z.string().regex(TOKEN), z.string().regex(HEADER_VALUE)]))
      .max(FETCH_LIMITS.sentHeaders),
    redirect: z.enum(["follow", "error", "manual"]).default("follow"),
    body: z.base64().nullable(),
  })
  .refine(({ method, body }) => body === null || !["GET", "HEAD"].includes(method), {
    path: ["body"],
    error: "GET and HEAD have no body",
  });

type Asked = z.output<typeof requestSchema>;

/**
 * What belongs to the connection and not to the request. As the Fetch standard says of forbidden
 * headers, they are left out without a word: libraries set them by habit.
 */
const FORBIDDEN = [
  "accept-encoding",
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];
const CREDENTIALS = ["authorization", "cookie"];

/** `fetch`: the grants are of single hosts, so the permission depends on the URL. */
export function fetchCalls({ fetch, readSecret }: FetchParts): [string, HostMethod][] {
  const fetches = createOpenFetches();
  const call = hostMethod(null, z.tuple([requestSchema]), async ([asked], site) => {
    const { plugin, grants } = site.context;
    const end = fetches.begin(plugin);
    try {
      const request = await toRequest(asked, (name) => readSecret(plugin, name));
      return toAnswer(await fetch(request, { grants, signal: site.signal }));
    } finally {
      end();
    }
  });
  return [["fetch", { ...call, quotas: ["fetches"], permissionOf }]];
}

function permissionOf([request]: Json[]): string | null {
  try {
    return networkPermission(parseTarget(String(Object(request).url)).host);
  } catch {
    return null;
  }
}

/** Counts fetches that are under way. */
function createOpenFetches() {
  const open = new Map<string, number>();
  let all = 0;
  return {
    begin(plugin: string): () => void {
      const own = open.get(plugin) ?? 0;
      if (own >= FETCH_LIMITS.openPerPlugin) {
        throw new RbsmError(
          "limit_calls",
          `A plugin may have ${FETCH_LIMITS.openPerPlugin} fetches under way`,
          { fix: "Await some of them before you start more." },
        );
      }
      if (all >= FETCH_LIMITS.openPerHost) {
        throw new RbsmError("host_busy", `The host has ${all} fetches under way already`);
      }
      all += 1;
      open.set(plugin, own + 1);
      return () => {
        all -= 1;
        const left = (open.get(plugin) ?? 1) - 1;
        if (left === 0) open.delete(plugin);
        else open.set(plugin, left);
      };
    },
  };
}

type ReadOwnSecret = (name: string) => Promise<string | null>;

async function toRequest(asked: Asked, readSecret: ReadOwnSecret): Promise<FetchRequest> {
  const target = parseTarget(asked.url);
  const body = asked.body === null ? null : Buffer.from(asked.body, "base64");
  if (body !== null && body.length > FETCH_LIMITS.requestBytes) {
    throw new RbsmError(
      "limit_payload",
      `The body of a fetch may have ${FETCH_LIMITS.requestBytes} bytes`,
    );
  }
  if (/(?:\{|%7b){2}secret:/i.test(asked.url) || body?.includes(OPENING) === true) {
    throw new RbsmError("request_invalid", "A secret goes into the value of a header only");
  }
  const headers = await sentHeaders(asked.headers, { target, readSecret });
  return { method: asked.method, target, headers, body, redirect: asked.redirect };
}

async function sentHeaders(
  asked: Asked["headers"],
  { target, readSecret }: { target: Target; readSecret: ReadOwnSecret },
): Promise<SentHeader[]> {
  const own = asked
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !FORBIDDEN.includes(name) && !name.startsWith("proxy-"));
  const named = own.some(([name]) => name === "user-agent")
    ? own
    : [...own, ["user-agent", "Rising-BSM"] as const];
  const headers: SentHeader[] = [];
  for (const [name, written] of named) {
    const value = await withSecrets(written, { target, readSecret });
    const credential = value !== written || CREDENTIALS.includes(name);
    headers.push({ name, value, credential });
  }
  const size = headers.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
  if (size <= FETCH_LIMITS.headerBytes) return headers;
  throw new RbsmError(
    "limit_payload",
    `The headers of a fetch may have ${FETCH_LIMITS.headerBytes} bytes`,
  );
}

const OPENING = "{{secret:";
const PLACEHOLDER = /\{\{secret:([A-Za-z][A-Za-z0-9_-]{0,63})\}\}/g;

/** The value with every `{{secret:NAME}}` replaced. */
async function withSecrets(
  written: string,
  { target, readSecret }: { target: Target; readSecret: ReadOwnSecret },
): Promise<string> {
  if (!written.includes(OPENING)) return written;
  if (target.url.protocol !== "https:") {
    throw new RbsmError("request_invalid", "A secret is sent over https only");
  }
  const parts = written.split(PLACEHOLDER);
  // With a capturing group in the pattern every second part is a name.
  for (let index = 1; index < parts.length; index += 2) {
    const name = parts[index] ?? "";
    parts[index] = (await readSecret(name)) ?? refuseUnset(name);
  }
  const rest = parts.filter((_, index) => index % 2 === 0);
  if (!rest.some((part) => part.includes(OPENING))) return parts.join("");
  throw new RbsmError("request_invalid", "A secret is written {{secret:NAME}}");
}

function refuseUnset(name: string): never {
  throw new RbsmError("conflict_state", `Nobody has entered the secret ${name}`, {
    fix: `Name it under "secrets" in manifest.json, and have an administrator enter it.`,
  });
}

function toAnswer({ status, statusText, headers, body, url }: FetchAnswer): Json {
  return {
    status,
    statusText,
    headers: headers.map(([name, value]) => [name, value]),
    body: body === null ? null : Buffer.from(body).toString("base64"),
    url,
  };
}
