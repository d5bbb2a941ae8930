import { orderRequestSchema, PLUGIN_NAME, RbsmError } from "@rising-bsm/protocol";
import { Hono } from "hono";
import { z } from "zod";
import { requireSchema, writeDatabase } from "../database.ts";
import type { AppEnv } from "../env.ts";
import { limitBody } from "../http.ts";
import type { AppContext } from "../http.ts";
import { orderPath } from "../orders/order-routes.ts";
import { placeOrder } from "../orders/place-order.ts";
import type { OrderWish } from "../orders/place-order.ts";
import { loadOrder } from "../orders/queries.ts";
import { isBuyer, showOrder } from "../orders/show-order.ts";
import { absoluteUrl } from "../plugin-address.ts";
import { addSecurityHeaders, answerPrivatePage, languageOf } from "./answer-page.tsx";
import { siteLink } from "./links.ts";
import { OrderPage, ToPaymentPage } from "./order-page.tsx";
import { requireOwnForm } from "./own-form.ts";
import { TEXTS } from "./texts.ts";

const LOOK_AGAIN_S = 5;

/** Buying on the pages: the form of a plan, and what became of the order. */
export const orderPages = new Hono<AppEnv>();

orderPages.post(
  "/plugins/:scope/:plugin/buy",
  addSecurityHeaders,
  requireOwnForm,
  requireSchema,
  async (c) => {
    const name = `${c.req.param("scope")}/${c.req.param("plugin")}`;
    if (!PLUGIN_NAME.test(name)) throw new RbsmError("not_found");
    const language = languageOf(c);
    const { url } = await placeOrder(c.env, await readForm(c, name), {
      address: c.req.header("cf-connecting-ip"),
      idempotencyKey: undefined,
      orderPage: (id, session) => absoluteUrl(c, orderPath(id, session)),
      cancelPage: absoluteUrl(c, siteLink(`/plugins/${name}`, { language })),
      requestId: c.get("requestId"),
    });
    const title = TEXTS[language.locale].toPayment;
    const frame = {
      language,
      title,
      description: title,
      address: { path: `/plugins/${name}`, params: [] },
      refresh: { seconds: 0, url },
    };
    return answerPrivatePage(c, frame, <ToPaymentPage {...{ url, language }} />);
  },
);

orderPages.get("/orders/:id", addSecurityHeaders, requireSchema, async (c) => {
  const session = c.req.query("session_id") ?? "";
  const order = await findOrder(c, c.req.param("id"), session);
  const language = languageOf(c);
  const title = TEXTS[language.locale].orderTitle;
  const frame = {
    language,
    title,
    description: title,
    address: { path: `/orders/${order.orderId}`, params: [["session_id", session]] as const },
    refresh: order.state === "open" ? { seconds: LOOK_AGAIN_S } : undefined,
  };
  return answerPrivatePage(c, frame, <OrderPage {...{ order, language }} />);
});

/** To whoever does not know the checkout there is no such order. */
async function findOrder(c: AppContext, id: string, session: string) {
  const file = z.uuid().safeParse(id).success ? await loadOrder(writeDatabase(c.env), id) : null;
  if (file === null || !(await isBuyer(file.order, session))) throw new RbsmError("not_found");
  return showOrder(c.env, file, "buyer");
}

/** Fields that were left empty are none. */
async function readForm(c: AppContext, plugin: string): Promise<OrderWish> {
  await limitBody(c);
  const form = new URLSearchParams(new TextDecoder().decode(await c.req.arrayBuffer()));
  const fields = [...form].filter(([, value]) => value.trim() !== "");
  const { seats, ...texts } = Object.fromEntries(fields);
  const count = seats === undefined ? {} : { seats: Number(seats) };
  const wish = orderRequestSchema.safeParse({ ...texts, ...count, plugin });
  if (wish.success) return wish.data;
  throw new RbsmError("request_invalid", wish.error.issues[0]?.message);
}
