import { ORDER_LIMITS, RbsmError } from "@rising-bsm/protocol";
import { Stripe } from "stripe";
import { z } from "zod";
import type { Checkout, CheckoutRequest, PaymentEvent, PaymentProvider } from "./provider.ts";
import type { SignedMessage } from "./provider.ts";
import { decimalsOf } from "./price.ts";
import type { Price } from "./price.ts";
import { readInvoice, readStripeEvent, readStripeFact, toPaymentFact } from "./stripe-events.ts";
import type { PaidFor, Subject } from "./stripe-events.ts";

export interface StripeSettings {
  readonly secretKey: string;
  readonly webhookSecret: string;
  /** Another server than Stripe's, for tests. */
  readonly apiUrl?: string | undefined;
}

const REQUEST_MS = 20_000;
/** Currencies whose amounts Stripe takes in hundredths although they have none. */
const PADDED = new Set(["ISK", "UGX"]);

/** Stripe: checkout sessions, and events signed with the secret of the webhook endpoint. */
export function stripeProvider(settings: StripeSettings): PaymentProvider {
  const stripe = connect(settings);
  return {
    name: "stripe",
    createCheckout: (request) => createCheckout(stripe, request),
    readEvent: (message, now) => readEvent(stripe, { ...message, ...settings, now }),
  };
}

function connect({ secretKey, apiUrl }: StripeSettings): Stripe {
  const url = apiUrl === undefined ? null : new URL(apiUrl);
  const isPlain = url?.protocol === "http:";
  return new Stripe(secretKey, {
    httpClient: Stripe.createFetchHttpClient(),
    timeout: REQUEST_MS,
    maxNetworkRetries: 1,
    telemetry: false,
    ...(url === null
      ? {}
      : {
          host: url.hostname,
          port: url.port === "" ? (isPlain ? 80 : 443) : url.port,
          protocol: isPlain ? ("http" as const) : ("https" as const),
        }),
  });
}

async function createCheckout(stripe: Stripe, request: CheckoutRequest): Promise<Checkout> {
  // Stripe puts the id of the session where these words stand.
  const returnTo = request.orderPage("{CHECKOUT_SESSION_ID}");
  const session = await ask("open a checkout", () =>
    stripe.checkout.sessions.create(
      {
        ...checkoutMode(request),
        client_reference_id: request.orderId,
        metadata: { orderId: request.orderId },
        line_items: [lineItem(request)],
        success_url: returnTo,
        cancel_url: request.cancelPage,
      },
      { idempotencyKey: request.orderId },
    ),
  );
  if (session.url === null) throw new RbsmError("unavailable", "Stripe opened no checkout");
  return { session: session.id, url: session.url };
}

/** The order's id goes where later events can be read it from: the payment or the subscription. */
function checkoutMode({ orderId, price }: CheckoutRequest) {
  const metadata = { orderId };
  return price.every === null
    ? {
        mode: "payment" as const,
        payment_intent_data: { metadata },
        invoice_creation: { enabled: true },
      }
    : { mode: "subscription" as const, subscription_data: { metadata } };
}

function lineItem({ title, price }: CheckoutRequest) {
  return {
    quantity: price.quantity,
    price_data: {
      currency: price.currency.toLowerCase(),
      unit_amount: stripeAmount(price),
      product_data: { name: title },
      ...(price.every === null ? {} : { recurring: { interval: price.every } }),
    },
  };
}

/** Stripe's own idea of a currency's smallest unit. Throws `request_invalid` for what it cannot charge. */
export function stripeAmount({ currency, unitAmount }: Pick<Price, "currency" | "unitAmount">) {
  if (decimalsOf(currency) === 3 && unitAmount % 10 !== 0) {
    throw new RbsmError(
      "request_invalid",
      `A price with three decimals in ${currency} cannot be charged`,
    );
  }
  return PADDED.has(currency) ? unitAmount * 100 : unitAmount;
}

type Received = SignedMessage & { readonly webhookSecret: string; readonly now: number };

async function readEvent(stripe: Stripe, received: Received): Promise<PaymentEvent | null> {
  const event = readStripeEvent(await verifiedEvent(received));
  const said = readStripeFact(event);
  if (said === null) return null;
  const paidFor = await findPaidFor(stripe, said.subject);
  if (paidFor === null || !isOrderId(paidFor.orderId)) return null;
  const fact = toPaymentFact(said, paidFor, event.created);
  return { id: event.id, orderId: paidFor.orderId, fact };
}

/** An account may sell other things too, whose metadata is theirs. */
function isOrderId(id: string): boolean {
  return z.uuid().safeParse(id).success;
}

/** Nothing of a message is looked at before its signature, and only a message of these minutes counts. */
async function verifiedEvent(received: Received): Promise<unknown> {
  const { body, signature, webhookSecret, now } = received;
  try {
    const event: unknown = await Stripe.webhooks.constructEventAsync(
      body,
      signature,
      webhookSecret,
      ORDER_LIMITS.messageAgeMs / 1000,
      Stripe.createSubtleCryptoProvider(),
      now,
    );
    return event;
  } catch (cause) {
    throw new RbsmError("request_invalid", "The signature of the event does not verify", {}, cause);
  }
}

async function findPaidFor(stripe: Stripe, subject: Subject): Promise<PaidFor | null> {
  if ("orderId" in subject) return subject;
  const { payment } = subject;
  const { metadata } = await ask("say what a payment was for", () =>
    stripe.paymentIntents.retrieve(payment),
  );
  const orderId = metadata["orderId"];
  if (orderId !== undefined) return { orderId, until: null };
  const invoices = await ask("say which invoice was paid", () =>
    stripe.invoicePayments.list({
      payment: { type: "payment_intent", payment_intent: payment },
      expand: ["data.invoice"],
      limit: 1,
    }),
  );
  const invoice = invoices.data[0]?.invoice;
  return typeof invoice === "object" ? readInvoice(invoice) : null;
}

/** What Stripe will not or cannot do is for the log; callers learn that it is not possible now. */
async function ask<Answer>(what: string, request: () => Promise<Answer>): Promise<Answer> {
  try {
    return await request();
  } catch (cause) {
    throw new RbsmError("unavailable", `The payment provider could not ${what}`, {}, cause);
  }
}
