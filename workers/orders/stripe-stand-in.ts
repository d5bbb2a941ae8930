import { utf8Decode } from "@rising-bsm/protocol";

/** What the parts of Stripe's API answer that orders use, in memory; for tests. */
export interface StripeStandIn {
  readonly fetch: (request: Request) => Promise<Response>;
  /** Parameters of each checkout that was opened, by its id. */
  readonly checkouts: ReadonlyMap<string, URLSearchParams>;
  /** Payments by id: metadata of the payment itself, and the invoice that it paid. */
  readonly payments: Map<string, { metadata?: Record<string, string>; invoice?: object }>;
  /** Answers so many of the next requests with a failure. */
  failNext: (requests: number) => void;
}

interface OpenedCheckout {
  readonly id: string;
  readonly form: string;
}

export function stripeStandIn(): StripeStandIn {
  const opened = new Map<string, OpenedCheckout>();
  const checkouts = new Map<string, URLSearchParams>();
  const payments: StripeStandIn["payments"] = new Map();
  let failures = 0;

  const openCheckout = async (request: Request): Promise<Response> => {
    const key = request.headers.get("idempotency-key") ?? crypto.randomUUID();
    const form = utf8Decode(new Uint8Array(await request.arrayBuffer()));
    const id = `cs_test_${crypto.randomUUID().replaceAll("-", "")}`;
    const checkout = opened.get(key) ?? { id, form };
    if (checkout.form !== form) return refuse("idempotency_error", 400);
    opened.set(key, checkout);
    checkouts.set(checkout.id, new URLSearchParams(form));
    const url = `https://checkout.stripe.test/c/pay/${checkout.id}`;
    return Response.json({ id: checkout.id, object: "checkout.session", url });
  };

  const findPayment = (id: string): Response => {
    const payment = payments.get(id);
    if (payment === undefined) return refuse("invalid_request_error", 404);
    return Response.json({ id, object: "payment_intent", metadata: payment.metadata ?? {} });
  };

  const listInvoices = (params: URLSearchParams): Response => {
    const invoice = payments.get(params.get("payment[payment_intent]") ?? "")?.invoice;
    const data = invoice === undefined ? [] : [{ object: "invoice_payment", invoice }];
    return Response.json({ object: "list", data, has_more: false, url: "/v1/invoice_payments" });
  };

  return {
    checkouts,
    payments,
    failNext: (requests) => {
      failures = requests;
    },
    fetch: async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      const isKnown = request.headers.get("authorization")?.startsWith("Bearer sk_test_");
      if (isKnown !== true) return refuse("invalid_request_error", 401);
      if (failures > 0) {
        failures -= 1;
        return refuse("api_error", 500);
      }
      if (pathname === "/v1/checkout/sessions") return openCheckout(request);
      if (pathname === "/v1/invoice_payments") return listInvoices(searchParams);
      return findPayment(pathname.replace("/v1/payment_intents/", ""));
    },
  };
}

function refuse(type: string, status: number): Response {
  return Response.json({ error: { type, message: `Refused: ${type}` } }, { status });
}
