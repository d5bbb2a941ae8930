import { RbsmError } from "@rising-bsm/protocol";
import { settings } from "../env.ts";
import type { Bindings } from "../env.ts";
import type { PaymentProvider } from "./provider.ts";
import { stripeProvider } from "./stripe.ts";

/** Whether plans can be bought here. */
export function canSell(env: Bindings): boolean {
  const { STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET } = settings(env);
  return STRIPE_SECRET_KEY !== undefined && STRIPE_WEBHOOK_SECRET !== undefined;
}

/** The payment provider that the secrets name. Throws `unavailable` when there is none. */
export function configuredProvider(env: Bindings): PaymentProvider {
  const values = settings(env);
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_WEBHOOK_SECRET: webhookSecret } = values;
  if (secretKey === undefined || webhookSecret === undefined) {
    throw new RbsmError("unavailable", "Nothing can be bought here: there is no payment provider", {
      fix: "Ask the publisher for a license; administrators find the setup in docs/selling.md.",
    });
  }
  return stripeProvider({ secretKey, webhookSecret, apiUrl: values.STRIPE_API_URL });
}
