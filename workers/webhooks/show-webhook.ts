import type { WebhookInfo } from "@rising-bsm/protocol";
import { isoTime } from "../iso-time.ts";
import type { Webhook } from "./tables.ts";

/** What its publisher is shown of a webhook. */
export function showWebhook(webhook: Webhook): WebhookInfo {
  const { id, publisher, scope, url, events, failingSince, nextAttemptAt, createdAt } = webhook;
  const state = stateOf(webhook);
  return {
    webhookId: id,
    publisher,
    scope,
    url,
    events: [...events],
    state,
    problem: webhook.lastProblem,
    failingSince: isoTime(failingSince),
    nextAttemptAt: isoTime(state === "failing" ? nextAttemptAt : null),
    createdAt: isoTime(createdAt),
  };
}

function stateOf({ disabledAt, failingSince }: Webhook): WebhookInfo["state"] {
  if (disabledAt !== null) return "disabled";
  return failingSince === null ? "active" : "failing";
}
