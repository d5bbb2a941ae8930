import { z } from "zod";
import { licenseInfoSchema } from "./api.ts";
import { WEBHOOK_LIMITS } from "./limits.ts";
import { publisherNameSchema, scopeSchema } from "./plugin-name.ts";
import { timeSchema } from "./statements.ts";

/** What can happen to a license, as webhooks and `GET /v1/events` call it. */
export const LICENSE_EVENTS = [
  "license.issue",
  "license.activate",
  "license.renew",
  "license.upgrade",
  "license.suspend",
  "license.reinstate",
  "license.revoke",
  "license.transfer",
  "license.return",
  "license.conflict",
  "license.resume",
  "license.overage",
  "license.paid",
  "license.refunded",
  "license.disputed",
  "license.dispute_closed",
  "license.cancelled",
] as const;

/** `POST /v1/webhooks`. */
export const webhookRequestSchema = z.strictObject({
  /** The administrator names the publisher; for a publisher's token it is the own one. */
  publisher: publisherNameSchema.optional(),
  /** Events of this scope alone; a token that is limited to one scope has only that. */
  scope: scopeSchema.optional(),
  url: z.string().min(1).max(WEBHOOK_LIMITS.urlChars),
  /** Types that are wanted; all when there are none. */
  events: z.array(z.enum(LICENSE_EVENTS)).max(LICENSE_EVENTS.length).default([]),
});

/** A webhook and how it fares. */
export const webhookSchema = z.object({
  webhookId: z.string(),
  publisher: publisherNameSchema,
  scope: scopeSchema.nullable(),
  url: z.string(),
  events: z.array(z.string()),
  state: z.enum(["active", "failing", "disabled"]),
  /** What kept the newest event from being delivered; null when nothing did. */
  problem: z.string().nullable(),
  failingSince: timeSchema.nullable(),
  nextAttemptAt: timeSchema.nullable(),
  createdAt: timeSchema,
});

/** A webhook and how it fares. */
export type WebhookInfo = z.output<typeof webhookSchema>;

/** `GET /v1/webhooks`. */
export const webhookListSchema = z.object({ items: z.array(webhookSchema) });

/** A new webhook; the secret is not shown again. */
export const webhookResultSchema = webhookSchema.extend({ secret: z.string() });

/** `POST /v1/webhooks/{id}/rotate`: the new secret, and until when the one before signs too. */
export const webhookSecretSchema = z.object({ secret: z.string(), previousUntil: timeSchema });

/** `POST /v1/webhooks/{id}/test`: what the receiver made of a test event. */
export const webhookTestSchema = z.object({
  delivered: z.boolean(),
  /** Null when there was no answer. */
  status: z.int().nullable(),
  problem: z.string().nullable(),
});

/** Something that happened to a license. Body of a delivery, and item of `GET /v1/events`. */
export const licenseEventSchema = z.object({
  /** In the order of events as text too. */
  id: z.string(),
  /** One of `LICENSE_EVENTS`; later versions have more. */
  type: z.string(),
  /** When it happened. */
  timestamp: timeSchema,
  data: z.object({
    /** The license as it is when the event is sent, which may be later than `timestamp`. */
    license: licenseInfoSchema.extend({
      /** Counts changes. */
      revision: z.int(),
    }),
    /** The instance that did it; null when somebody else did. */
    instanceId: z.string().nullable(),
  }),
});

/** Something that happened to a license. */
export type LicenseEvent = z.output<typeof licenseEventSchema>;

/** `GET /v1/events`, oldest first. */
export const licenseEventPageSchema = z.object({
  items: z.array(licenseEventSchema),
  /** For `after` of the next request; null when there is no more now. */
  nextCursor: z.string().nullable(),
});
