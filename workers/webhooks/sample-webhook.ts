import { env } from "cloudflare:workers";
import {
  licenseEventPageSchema,
  webhookListSchema,
  webhookResultSchema,
} from "@rising-bsm/protocol";
import { drizzle } from "drizzle-orm/d1";
import { sampleLicense } from "../licenses/sample-license.ts";
import { licenses } from "../licenses/tables.ts";
import { audit } from "../schema.ts";
import { call, send } from "../testing.ts";
import type { Bindings } from "../env.ts";

export const RECEIVER = "https://hooks.example.com/in";

export interface Asked {
  readonly body?: object;
  readonly token?: string;
  /** The Idempotency-Key. */
  readonly key?: string;
  readonly bindings?: Bindings;
}

/** Asks for a webhook, by default all events of the publisher `demo`. */
export function tryCreate({ body = {}, key, ...asked }: Asked = {}): Promise<Response> {
  const whole = {
    url: RECEIVER,
    ...(asked.token === undefined ? { publisher: "demo" } : {}),
    ...body,
  };
  return post("/v1/webhooks", { ...asked, ...(key === undefined ? {} : { key }), body: whole });
}

export async function createWebhook(asked: Asked = {}) {
  return webhookResultSchema.parse(await (await tryCreate(asked)).json());
}

/** A POST of the administrator's, or of who has the token. */
export function post(path: string, { body, token, key, bindings }: Asked = {}): Promise<Response> {
  const headers = new Headers({ Authorization: `Bearer ${token ?? env.ADMIN_TOKEN}` });
  if (key !== undefined) headers.set("Idempotency-Key", key);
  if (body === undefined) return call(path, { method: "POST", headers }, bindings);
  headers.set("Content-Type", "application/json");
  return call(path, { method: "POST", headers, body: JSON.stringify(body) }, bindings);
}

/** The webhooks of the publisher `demo`. */
export async function shownWebhooks() {
  const answer = await send("GET", "/v1/webhooks?publisher=demo");
  return webhookListSchema.parse(await answer.json()).items;
}

export async function shownWebhook(id: string) {
  return (await shownWebhooks()).find(({ webhookId }) => webhookId === id);
}

export async function deleteAll(): Promise<void> {
  for (const { webhookId } of await shownWebhooks()) {
    await send("DELETE", `/v1/webhooks/${webhookId}`);
  }
}

/** A page of `GET /v1/events`; the administrator asks for those of `demo`. */
export async function events(query = "", token?: string) {
  const own = token === undefined ? { query: `publisher=demo&${query}` } : { query, token };
  const answer = await send("GET", `/v1/events?${own.query}`, own);
  return licenseEventPageSchema.parse(await answer.json());
}

const LICENSE = "license-of-the-events";

/** A license of `demo` for `recordEvents()`. */
export async function insertLicense(): Promise<void> {
  await drizzle(env.DB)
    .insert(licenses)
    .values(sampleLicense({ id: LICENSE }));
}

/** D1 takes a hundred values a query. */
const ROWS_A_QUERY = 12;

/** What became of that license, written without a request, so that no pass begins by itself. */
export async function recordEvents(at: number, types: readonly string[]): Promise<void> {
  const rest = { at, actor: "admin", subject: LICENSE, requestId: "test" };
  const rows = types.map((type) => ({ ...rest, action: `license.${type}` }));
  for (let first = 0; first < rows.length; first += ROWS_A_QUERY) {
    await drizzle(env.DB)
      .insert(audit)
      .values(rows.slice(first, first + ROWS_A_QUERY));
  }
}
