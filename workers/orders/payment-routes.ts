import { ORDER_LIMITS } from "@rising-bsm/protocol";
import { z } from "zod";
import { createRoute, createRoutes, jsonAnswer, problemAnswer, readBody } from "../http.ts";
import { applyEvent } from "./apply-event.ts";
import { configuredProvider } from "./configured-provider.ts";

const eventRoute = createRoute({
  method: "post",
  path: "/v1/payments/stripe",
  request: { headers: z.object({ "stripe-signature": z.string().max(2_000).default("") }) },
  responses: {
    200: jsonAnswer(
      z.object({ received: z.enum(["applied", "repeated", "unknown", "ignored"]) }),
      "Received. An event acts once; unknown are orders of somebody else, ignored is what is no payment",
    ),
    default: problemAnswer,
  },
});

/** What payment providers say, signed by them. */
export const paymentRoutes = createRoutes().openapi(eventRoute, async (c) => {
  const limit = { maxBytes: ORDER_LIMITS.messageBytes, tooLarge: "limit_body" } as const;
  const body = await readBody(c.req.raw, limit);
  const provider = configuredProvider(c.env);
  const now = Date.now();
  const signature = c.req.valid("header")["stripe-signature"];
  const event = await provider.readEvent({ body, signature }, now);
  if (event === null) return c.json({ received: "ignored" as const }, 200);
  const receipt = { provider: provider.name, event, requestId: c.get("requestId"), now };
  const received = await applyEvent(c.env, receipt);
  if (received === "unknown") {
    console.error({
      requestId: receipt.requestId,
      message: "An event for an order that is not here",
      event,
    });
  }
  return c.json({ received }, 200);
});
