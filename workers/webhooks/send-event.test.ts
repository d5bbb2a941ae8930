import { createHmac } from "node:crypto";
import { afterEach, beforeEach, expect, inject, test, vi } from "vitest";
import { z } from "zod";
import { openReceiver } from "./sample-receiver.ts";
import { sendEvent } from "./send-event.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly webhookReceiver: string;
  }
}

/** A server on loopback: tests/webhook-receiver.ts. */
const RECEIVER = inject("webhookReceiver");
const key = new Uint8Array(32).fill(7);
const secret = { text: `whsec_${Buffer.from(key).toString("base64")}`, key };
const message = { id: "evt_000000000001_0123456789abcdef", body: '{"n":"ä"}', now: Date.now() };

const receivedSchema = z.array(
  z.object({ path: z.string(), headers: z.record(z.string(), z.string()), body: z.string() }),
);

type Received = z.output<typeof receivedSchema>[number];
const nothing: Received = { path: "", headers: {}, body: "" };

/** What the receiver got since it was asked last. */
async function received() {
  return receivedSchema.parse(await (await fetch(`${RECEIVER}/received`)).json());
}

beforeEach(received);
afterEach(() => vi.restoreAllMocks());

test("what arrives can be checked as docs/webhooks.md tells receivers to", async () => {
  const outcome = await sendEvent(`${RECEIVER}/well`, message, [secret]);
  expect(outcome).toEqual({ delivered: true, status: 204 });
  const [{ headers, body } = nothing, ...more] = await received();
  expect(more).toEqual([]);
  const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const given = secret.text.slice("whsec_".length);
  const tag = createHmac("sha256", Buffer.from(given, "base64")).update(content).digest("base64");
  expect(headers["webhook-signature"]).toBe(`v1,${tag}`);
  expect(body).toBe(message.body);
  expect(headers["content-length"]).toBe(String(new TextEncoder().encode(body).length));
});

test("a redirect is not followed", async () => {
  const outcome = await sendEvent(`${RECEIVER}/redirect`, message, [secret]);
  expect(outcome).toMatchObject({ status: 307, problem: "It answered 307, a redirect" });
  expect((await received()).map(({ path }) => path)).toEqual(["/redirect"]);
});

test("an answer without end is not waited for", async () => {
  const outcome = await sendEvent(`${RECEIVER}/endless`, message, [secret]);
  expect(outcome).toEqual({ delivered: true, status: 200 });
});

test("who is busy says how long", async () => {
  const outcome = await sendEvent(`${RECEIVER}/busy`, message, [secret]);
  expect(outcome).toMatchObject({ status: 503, retryAfterMs: 120_000 });
});

test.each(["/closed", ":1/"])("nobody who answers at %s is a failure", async (rest) => {
  const url = rest.startsWith(":") ? `http://127.0.0.1${rest}` : RECEIVER + rest;
  const unreachable = { delivered: false, status: null, problem: "It cannot be reached" };
  expect(await sendEvent(url, message, [secret])).toMatchObject(unreachable);
});

test("who does not answer in time is not waited for", async () => {
  const timer = new AbortController();
  const timeout = vi.spyOn(AbortSignal, "timeout").mockReturnValue(timer.signal);
  const receiver = openReceiver();
  receiver.answers(({ signal }) => {
    const answer = new Promise<Response>((_, reject) => {
      signal.addEventListener("abort", () => reject(new DOMException("", "TimeoutError")));
    });
    timer.abort();
    return answer;
  });
  const late = { delivered: false, status: null, problem: "There was no answer within 10 s" };
  expect(await sendEvent(`${RECEIVER}/well`, message, [secret])).toMatchObject(late);
  expect(timeout).toHaveBeenCalledWith(10_000);
});
