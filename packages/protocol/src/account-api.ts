import { z } from "zod";
import { publicKeySchema } from "./documents.ts";
import { envelopeSchema } from "./dsse.ts";
import { pluginNameSchema, publisherNameSchema, scopeSchema } from "./plugin-name.ts";
import { sha256Schema, timeSchema } from "./statements.ts";

const id = z.string().min(1).max(128);
const reason = z.string().trim().min(1).max(500);

/** `POST /v1/keys/challenge`. */
export const keyChallengeRequestSchema = z.strictObject({ publisher: id.optional() });

/** A challenge for `proveKeyPossession`. */
export const keyChallengeResultSchema = z.object({ challenge: z.string(), expiresAt: timeSchema });

const proof = {
  publicKey: publicKeySchema,
  challenge: z.string().min(1).max(256),
  /** From `proveKeyPossession`. */
  signature: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
};

/** `POST /v1/keys`. */
export const keyEnrollmentRequestSchema = z.strictObject({
  ...proof,
  publisher: id.optional(),
  /** SHA-256 of the recovery key: with the publisher's first key, and never changed that way. */
  recoveryHash: sha256Schema.optional(),
  /** An `add` statement by another key of the publisher: hosts follow it without asking anybody. */
  statement: envelopeSchema.optional(),
});

/** The id of an enrolled key, and what hosts that know the publisher will do about it. */
export const keyEnrollmentResultSchema = z.object({
  keyId: sha256Schema,
  /** SHA-256 of the recovery key in force. */
  recovery: sha256Schema.nullable().optional(),
  /** Whether one of the publisher's keys vouched for it, or it is the first. */
  vouched: z.boolean().optional(),
  note: z.string().optional(),
});

/** The id of an enrolled key, and what hosts that know the publisher will do about it. */
export type KeyEnrollmentResult = z.output<typeof keyEnrollmentResultSchema>;

/** `POST /v1/keys/{keyId}/revoke`: with a `revoke` statement, or by the administrator without. */
export const keyRevocationRequestSchema = z.strictObject({
  statement: envelopeSchema.optional(),
  /** The administrator's alone: releases from this place in the log on do not count. */
  fromIndex: z.int().nonnegative().optional(),
  /** For the audit; it is not published. */
  reason: reason.optional(),
});

/** `POST /v1/keys/recover`: the new key's proof, and a `recover` statement by the recovery key. */
export const keyRecoveryRequestSchema = z.strictObject({ ...proof, statement: envelopeSchema });

/** `GET /v1/publishers/{name}/keys`, and the answer to every change of them. */
export const publisherKeysSchema = z.object({
  publisher: publisherNameSchema,
  keys: z.array(
    z.object({
      keyId: sha256Schema,
      publicKey: publicKeySchema,
      enrolledAt: timeSchema,
      /** Releases from this place in the log on do not count with this key. */
      revokedFrom: z.int().nonnegative().optional(),
    }),
  ),
  /** SHA-256 of the recovery key in force. */
  recovery: sha256Schema.nullable(),
  /** Key statements in the order in which they were taken. */
  statements: z.array(envelopeSchema),
  /** The place that the next entry of the log gets. */
  nextIndex: z.int().nonnegative(),
});

/** A publisher's keys as everybody may see them. */
export type PublisherKeysAnswer = z.output<typeof publisherKeysSchema>;

/** `POST /v1/scopes/{scope}/transfer`. */
export const transferRequestSchema = z.strictObject({ to: publisherNameSchema });

/** A scope that is about to change hands. */
export const transferSchema = z.object({
  scope: scopeSchema,
  from: publisherNameSchema,
  to: publisherNameSchema,
  requestedAt: timeSchema,
  effectiveAt: timeSchema,
});

/** `DELETE /v1/plugins/@s/n`. */
export const removalRequestSchema = z.strictObject({ reason });

/** A plugin that was removed. */
export const removalSchema = z.object({ plugin: pluginNameSchema, removedAt: timeSchema });
