import {
  ownReviewsSchema,
  parseVersion,
  RbsmError,
  type Review,
  type ReviewInput,
  reviewRequestSchema,
  reviewSchema,
  type SigningKey,
  signProof,
} from "@rising-bsm/protocol";
import { z } from "zod";
import type { Marketplace, Prove } from "../client/marketplace.ts";
import { readJson, requireSuccess } from "../client/read-answer.ts";
import { newRequestId } from "../license/license-requests.ts";
import type { Slots } from "../lifecycle/slots.ts";

/** What a host says of its plugins on the marketplace: one review for each major version. */
export interface ReviewCalls {
  /**
   * Reviews the installed version, in place of the review of the same major version. Plain text, and
   * everybody sees it; the name of the instance nobody. Throws `auth_not_held` until the marketplace
   * knows for a day that the plugin is installed here, `request_invalid` and `network_*`.
   */
  review(name: string, review: Omit<ReviewInput, "version">): Promise<Review>;
  /** The review of the installed major version as the marketplace has it; null when there is none. */
  ownReview(name: string): Promise<Review | null>;
  /** Takes the review of the installed major version back. */
  deleteReview(name: string): Promise<void>;
}

/** What reviews are sent with. */
export interface ReviewParts {
  readonly server: Marketplace;
  readonly key: SigningKey;
  readonly slots: Slots;
  /** The time to write into proofs, in ms since 1970. */
  readonly now: () => number;
}

/** The calls of a host; nothing is kept here. */
export function createReviews(parts: ReviewParts): ReviewCalls {
  const { server, key, slots, now } = parts;
  let last = 0;
  const sign = (request: Parameters<Prove>[0], at: number) =>
    signProof({ ...request, rid: newRequestId(), now: new Date(at) }, key);
  const prove: Prove = (change) => {
    // The marketplace takes changes in the order of their seconds: of two in one the second is later.
    last = Math.max(now(), last + 1_000);
    return sign(change, last);
  };

  /** Throws `plugin_not_found` for a plugin that is not installed. */
  const installed = (name: string) => slots.get(name).row.release.version;

  async function ownReview(name: string): Promise<Review | null> {
    const { major } = parseVersion(installed(name));
    const path = `/v1/plugins/${name}/reviews/own`;
    const body = new Uint8Array();
    const proof = await sign({ method: "GET", url: server.url + path, body }, now());
    const headers = { "rbsm-proof": proof };
    const answer = await requireSuccess(await server.send({ method: "GET", path, headers }));
    const { items } = await readJson(answer, { schema: ownReviewsSchema });
    return items.find(({ version }) => parseVersion(version).major === major) ?? null;
  }

  return {
    async review(name, review) {
      const body = requestOf({ ...review, version: installed(name) });
      const path = `/v1/plugins/${name}/reviews`;
      return server.sendJson({ method: "POST", path, body, schema: reviewSchema, prove });
    },
    ownReview,
    async deleteReview(name) {
      const own = await ownReview(name);
      if (own === null) return;
      const path = `/v1/plugins/${name}/reviews/${own.id}`;
      await server.sendJson({ method: "DELETE", path, body: {}, schema: z.undefined(), prove });
    },
  };
}

/** What the marketplace would refuse is not sent. */
function requestOf(review: ReviewInput) {
  const { data, error } = reviewRequestSchema.required({ version: true }).safeParse(review);
  if (data !== undefined) return data;
  const findings = error.issues.map(({ path, message }) => ({
    rule: "request_invalid",
    path: path.join("."),
    message,
  }));
  throw new RbsmError("request_invalid", "This is no review", { findings });
}
