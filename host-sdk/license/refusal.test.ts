import {
  LEASE_ISSUER,
  leaseClaimsSchema,
  REFUSAL_REASONS,
  refusalClaimsSchema,
} from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import vectors from "../../docs/spec/vectors/license-token.json" with { type: "json" };
import { concernsLease, endsGrace, refusesLease } from "./refusal.ts";

const claims = leaseClaimsSchema.parse({ ...vectors.claims, iss: LEASE_ISSUER });
const held = { activationId: "activation-1", claims };
const refusalOf = (change: object) =>
  refusalClaimsSchema.parse({ ...vectors.refusal.claims, iss: LEASE_ISSUER, ...change });

test.each(vectors.held)("$name counts: $counts", ({ refusal, sent, counts }) => {
  expect(refusesLease(refusalOf(refusal), held, sent)).toBe(counts);
});

test("no refusal counts for a lease that is newer in number or time, whatever nonce it answers", () => {
  const numbers = fc.record({ seq: fc.integer({ min: 1, max: 9 }), iat: fc.nat(99) });
  fc.assert(
    fc.property(numbers, numbers, fc.boolean(), (said, now, fresh) => {
      const refusal = refusalOf({ ...said, nonce: "nonce" });
      const lease = { ...held, claims: { ...claims, ...now } };
      const counts = refusesLease(refusal, lease, fresh ? "nonce" : "another");
      if (said.seq < now.seq || said.iat < now.iat) expect(counts).toBe(false);
      if (counts) expect(concernsLease(refusal, lease)).toBe(true);
    }),
  );
});

test("every reason but the end of what was paid takes the grace away", () => {
  expect(REFUSAL_REASONS.filter((reason) => !endsGrace({ reason }))).toEqual(["ended"]);
  expect(endsGrace(null)).toBe(false);
});
