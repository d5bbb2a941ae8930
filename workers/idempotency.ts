import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";

const HEADER = "idempotency-key";

/** OpenAPI: the route takes a key under which its request may be sent again and is done once. */
export const idempotencyHeaders = z.object({
  [HEADER]: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, "must be 1 to 128 visible characters")
    .optional(),
});

/** The key that the caller chose; null when the request may not be taken for another one. */
export function readIdempotencyKey(headers: z.output<typeof idempotencyHeaders>): string | null {
  return headers[HEADER] ?? null;
}

/** The refusal of a key that was sent before with another request. */
export function usedForAnother(): RbsmError {
  return new RbsmError("conflict_state", "The Idempotency-Key was used for another request", {
    fix: "Use a new key for a new request.",
  });
}
