import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { stripeStandIn } from "../../workers/orders/stripe-stand-in.ts";
import type { StripeStandIn } from "../../workers/orders/stripe-stand-in.ts";

/** Secret of the demo's webhook endpoint; `npm run payment-event` signs with it. */
export const DEMO_PAYMENT_SECRET = "whsec_of_the_demo";

/**
 * What answers in Stripe's place, on loopback: `url` is for the setting STRIPE_API_URL. Takes no money
 * and shows no page; what was paid says `npm run payment-event`. Keeps no process alive.
 */
export async function startStripe() {
  const stripe = stripeStandIn();
  const server = createServer((request, response) => void serve(stripe, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { stripe, url: `http://127.0.0.1:${address.port}`, close };
}

async function serve(stripe: StripeStandIn, request: IncomingMessage, response: ServerResponse) {
  const body = await buffer(request);
  const { method = "GET", url = "/", headers } = request;
  const given = Object.entries(headers).map(([name, value]) => [name, String(value)]);
  const init = { method, headers: Object.fromEntries(given) };
  const whole = body.length === 0 ? init : { ...init, body };
  const answer = await stripe.fetch(new Request(new URL(url, "http://127.0.0.1"), whole));
  response.writeHead(answer.status, { "content-type": "application/json" });
  response.end(await answer.text());
}
