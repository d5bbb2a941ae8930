import { env } from "cloudflare:workers";
import { hex, utf8 } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Bindings } from "../env.ts";
import { PLUGIN } from "../licenses/sample-plugin.ts";
import { call, send } from "../testing.ts";

/** What an old host is set up with: MARKETPLACE_API_KEY and MARKETPLACE_API_SECRET. */
export interface Setup {
  readonly key: string;
  readonly secret: string;
}

const created = z.object({ id: z.string(), token: z.string(), legacySecret: z.string() });

/** A token made for the old connector. */
export async function setUp(publisher: string, more: object = {}): Promise<Setup> {
  const permissions = ["publish", "yank", "licenses"];
  const body = { publisher, permissions, legacy: true, ...more };
  const token = created.parse(await (await send("POST", "/v1/tokens", { body })).json());
  return { key: token.id, secret: token.legacySecret };
}

/** What a customer's host has whose marketplace is gone. */
export const STRANGER: Setup = { key: "pk_live_of_another_marketplace", secret: "its secret" };

/** The header as the old connector makes it. */
export async function authorization({ key, secret }: Setup, now = Date.now()): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const hmac = await crypto.subtle.importKey("raw", utf8(secret), algorithm, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", hmac, utf8(`${key}:${now}`));
  return `Bearer ${key}:${hex(new Uint8Array(signature))}:${now}`;
}

export interface Sent {
  readonly as?: Setup;
  readonly data?: unknown;
  readonly bindings?: Bindings;
  readonly now?: number;
  readonly headers?: Record<string, string>;
}

/** A request as the old connector sends it, to an API URL that ends in `/v1`. */
export async function ask(method: string, endpoint: string, sent: Sent = {}): Promise<Response> {
  const { as = STRANGER, data, bindings = env, now, headers = {} } = sent;
  const own = {
    Authorization: await authorization(as, now),
    "Content-Type": "application/json",
    "X-Client-Version": "1.0.0",
    ...headers,
  };
  const body = data === undefined ? {} : { body: JSON.stringify(data) };
  return call(`/v1${endpoint}`, { method, headers: own, ...body }, bindings);
}

const anything = z.record(z.string(), z.unknown());

/** What the old connector makes of an answer: its JSON as it is, or an error with its message. */
export async function connector<Shape extends z.ZodType>(
  shape: Shape,
  ...request: Parameters<typeof ask>
): Promise<z.output<Shape>> {
  const response = await ask(...request);
  const body: unknown = await response.json();
  if (!response.ok)
    throw new Error(`${response.status} ${String(anything.parse(body)["message"])}`);
  return shape.parse(body);
}

export const licenseShape = z.object({
  id: z.string(),
  licenseKey: z.string(),
  pluginId: z.union([z.string(), z.number()]),
  userId: z.string().nullable(),
  type: z.string(),
  status: z.string(),
  maxInstalls: z.number(),
  currentInstalls: z.number(),
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().optional(),
  hardwareId: z.string().optional(),
  usageLimits: z.record(z.string(), z.number()),
});

export const verdictShape = z.object({
  valid: z.boolean(),
  error: z.string().nullish(),
  offline: z.boolean(),
  license: licenseShape.optional(),
});

/** A hardware id that nobody else has. */
export function newHardware(): string {
  return hex(crypto.getRandomValues(new Uint8Array(32)));
}

/** What `/licenses/verify` says; the plugin is the tests' paid one. */
export function verify(
  licenseKey: string,
  hardwareId: string,
  more: Record<string, unknown> & Pick<Sent, "bindings" | "headers" | "as"> = {},
) {
  const { bindings = env, headers = {}, as = STRANGER, ...fields } = more;
  const data = { licenseKey, hardwareId, pluginId: PLUGIN, timestamp: Date.now(), ...fields };
  return connector(verdictShape, "POST", "/licenses/verify", { data, bindings, headers, as });
}

/** Sells a license as an old host of the publisher does. */
export function sell(as: Setup, more: object = {}, sent: Partial<Sent> = {}) {
  const data = { pluginId: PLUGIN, type: "basic", ...more };
  return connector(licenseShape, "POST", "/licenses", { as, data, ...sent });
}
