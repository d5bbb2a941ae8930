import { vi } from "vitest";
import { z } from "zod";

/** One request, as whoever stands behind a webhook's URL gets it. */
export interface Received {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  readonly redirect: string;
  /** Ends when the sender does not wait any longer. */
  readonly signal: AbortSignal;
}

type Answer = (request: Received) => Response | Promise<Response>;

const eventSchema = z.looseObject({ id: z.string(), type: z.string() });

/** Stands in for the network: every request of the Worker under test goes to it. Until `vi.restoreAllMocks()`. */
export function openReceiver() {
  const received: Received[] = [];
  let answer: Answer = () => new Response(null, { status: 204 });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const one = {
      url: request.url,
      headers: request.headers,
      body: await request.text(),
      redirect: request.redirect,
      signal: init?.signal ?? request.signal,
    };
    received.push(one);
    return answer(one);
  });
  return {
    received,
    /** From now on. */
    answers: (next: Answer | number) => {
      answer = typeof next === "number" ? () => new Response(null, { status: next }) : next;
    },
    /** Types of what came, in order. */
    types: () => received.map(({ body }) => eventSchema.parse(JSON.parse(body)).type),
    /** Event ids of what came, in order. */
    ids: () => received.map(({ headers }) => headers.get("webhook-id") ?? ""),
  };
}

export type Receiver = ReturnType<typeof openReceiver>;
