/**
 * `npm run payment-event -- paid --order ID --secret whsec_…`: sends a marketplace the event of a payment
 * that Stripe would send, signed with the secret of the webhook endpoint (or `STRIPE_WEBHOOK_SECRET`).
 * Kinds: paid, refunded, partly_refunded, disputed, dispute_won, dispute_lost, cancelled, expired. Of a
 * subscription each `paid` has `--until DATE`, the end of the paid period. `--event ID` sends the same event
 * again, `--at DATE` one that happened then. Prints the answer; exit code 1 for a refusal.
 */
import { parseArgs } from "node:util";
import { FACT_KINDS } from "../workers/orders/decide-order.ts";
import { sampleEvent, signSampleEvent } from "../workers/orders/sample-events.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    order: { type: "string" },
    secret: { type: "string", default: process.env["STRIPE_WEBHOOK_SECRET"] ?? "" },
    url: { type: "string", default: "http://127.0.0.1:8787" },
    until: { type: "string" },
    dispute: { type: "string" },
    event: { type: "string", default: `evt_local_${crypto.randomUUID()}` },
    at: { type: "string" },
  },
});

const kind = FACT_KINDS.find((name) => name === positionals[0]);
if (kind === undefined || values.order === undefined || values.secret === "") {
  console.error(
    `Usage: npm run payment-event -- ${FACT_KINDS.join("|")} --order ID --secret whsec_… [--until DATE] [--url URL]`,
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
  const time = Date.parse(date);
  if (!Number.isNaN(time)) return time;
  console.error(`"${date}" is not a date`);
  return process.exit(2);
}
