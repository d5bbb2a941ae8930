/**
 * `npm run payment-event -- paid --order ID`: sends a marketplace the event of a payment that Stripe would
 * send, signed with `--secret`, the secret of the webhook endpoint (else `STRIPE_WEBHOOK_SECRET`, else the
 * one of `npm start`), to `--url` (else `RISING_BSM_URL`, else the address of `npm start`).
 * Kinds: paid, refunded, partly_refunded, disputed, dispute_won, dispute_lost, cancelled, expired. Of a
 * subscription each `paid` has `--until DATE`, the end of the paid period; `+30d` is 30 days from now.
 * `--event ID` sends the same event again, `--at DATE` one that happened then. Prints the answer; exit
 * code 1 for a refusal.
 */
import { parseArgs } from "node:util";
import { FACT_KINDS } from "../workers/orders/decide-order.ts";
import { sampleEvent, signSampleEvent } from "../workers/orders/sample-events.ts";
import { DEMO_PAYMENT_SECRET } from "./demo/payment-provider.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    order: { type: "string" },
    secret: {
      type: "string",
      default: process.env["STRIPE_WEBHOOK_SECRET"] ?? DEMO_PAYMENT_SECRET,
    },
    url: { type: "string", default: process.env["RISING_BSM_URL"] ?? "http://127.0.0.1:8787" },
    until: { type: "string" },
    dispute: { type: "string" },
    event: { type: "string", default: `evt_local_${crypto.randomUUID()}` },
    at: { type: "string" },
  },
});

const kind = FACT_KINDS.find((name) => name === positionals[0]);
if (kind === undefined || values.order === undefined) {
  console.error(
    `Usage: npm run payment-event -- ${FACT_KINDS.join("|")} --order ID [--secret whsec_…] [--until DATE] [--url URL]`,
  );
  process.exit(2);
}

const now = Date.now();
const fact = { orderId: values.order, dispute: values.dispute, until: timeOf(values.until) };
const event = sampleEvent(kind, fact, { id: values.event, at: timeOf(values.at) ?? now });
const { body, headers } = await signSampleEvent(event, values.secret, now);
const answer = await fetch(new URL("/v1/payments/stripe", values.url), {
  method: "POST",
  headers,
  body,
});
console.log(await answer.text());
process.exitCode = answer.ok ? 0 : 1;

function timeOf(date: string | undefined): number | undefined {
  if (date === undefined) return undefined;
  const days = /^\+(\d{1,5})d$/.exec(date)?.[1];
  const time = days === undefined ? Date.parse(date) : Date.now() + Number(days) * 86_400_000;
  if (!Number.isNaN(time)) return time;
  console.error(`"${date}" is not a date`);
  return process.exit(2);
}
