import {
  orderRequestSchema,
  orderResultSchema,
  orderStateSchema,
  RbsmError,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { isFromOwner } from "../auth.ts";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer } from "../http.ts";
import type { AppContext } from "../http.ts";
import { absoluteUrl } from "../plugin-address.ts";
import { placeOrder } from "./place-order.ts";
import { loadOrder } from "./queries.ts";
import type { OrderFile } from "./queries.ts";
import { isBuyer, showOrder } from "./show-order.ts";

/** Whoever guesses it is answered somebody's order, so it has to be long. */
const idempotencyKey = z.string().regex(/^[\x21-\x7e]{16,128}$/, {
  error: "must be 16 to 128 visible characters, best a random UUID",
});

const placeRoute = createRoute({
  method: "post",
  path: "/v1/orders",
  request: {
    headers: z.object({ "idempotency-key": idempotencyKey.optional() }),
    body: jsonBody(orderRequestSchema),
  },
  responses: {
    201: jsonAnswer(orderResultSchema, "The order, and where to pay; the same for the same key"),
    default: problemAnswer,
  },
});

const showRoute = createRoute({
  method: "get",
  path: "/v1/orders/{id}",
  request: {
    params: z.object({ id: z.uuid() }),
    query: z.object({ session_id: z.string().max(300).optional() }),
  },
  responses: {
    200: jsonAnswer(orderStateSchema, "For the buyer, by the checkout's id, and for the seller"),
    default: problemAnswer,
  },
});

/** Buying a plan, and what became of it. */
export const orderRoutes = createRoutes()
  .openapi(placeRoute, async (c) => {
    const placed = await placeOrder(c.env, c.req.valid("json"), {
      address: c.req.header("cf-connecting-ip"),
      idempotencyKey: c.req.valid("header")["idempotency-key"],
      orderPage: (id, session) => absoluteUrl(c, orderPath(id, session)),
      cancelPage: absoluteUrl(c, `/plugins/${c.req.valid("json").plugin}`),
      requestId: c.get("requestId"),
    });
    return c.json(placed, 201);
  })
  .openapi(showRoute, async (c) => {
    const file = await loadOrder(writeDatabase(c.env), c.req.valid("param").id);
    if (file === null) throw new RbsmError("not_found");
    const viewer = await viewerOf(c, file, c.req.valid("query").session_id);
    return c.json(await showOrder(c.env, file, viewer), 200);
  });

/** The page of an order. Written by hand: a provider puts the session where its placeholder stands. */
export function orderPath(id: string, session: string): string {
  return `/orders/${id}?session_id=${session}`;
}

/** To everybody else there is no such order. */
async function viewerOf(
  c: AppContext,
  { order }: OrderFile,
  session: string | undefined,
): Promise<"buyer" | "seller"> {
  if (session !== undefined && (await isBuyer(order, session))) return "buyer";
  if (await isFromOwner(c, order.plugin, "licenses")) return "seller";
  throw new RbsmError("not_found");
}
