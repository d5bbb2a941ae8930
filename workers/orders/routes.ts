import { createRoutes } from "../http.ts";
import { orderRoutes } from "./order-routes.ts";
import { paymentRoutes } from "./payment-routes.ts";

/** Buying plans, and what payment providers report. */
export const orders = createRoutes();

orders.route("/", orderRoutes);
orders.route("/", paymentRoutes);
