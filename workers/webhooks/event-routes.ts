import {
  licenseEventPageSchema,
  RbsmError,
  scopeSchema,
  WEBHOOK_LIMITS,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { requirePublisher } from "../auth.ts";
import { readDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, problemAnswer, TOKEN } from "../http.ts";
import { isEvent, listEvents } from "./event-queries.ts";
import { describeEvent, eventId, readEventId } from "./license-event.ts";
import { chooseOwner } from "./webhook-owner.ts";

const DEFAULT_PAGE = 20;

const eventsRoute = createRoute({
  method: "get",
  path: "/v1/events",
  middleware: [requirePublisher("licenses")] as const,
  security: TOKEN,
  request: {
    query: z.object({
      publisher: z.string().max(64).optional(),
      scope: scopeSchema.optional(),
      /** Id of the last event that is known; without it from the first one. */
      after: z.string().max(64).optional(),
      limit: z.coerce.number().int().min(1).max(WEBHOOK_LIMITS.eventsPerPage).default(DEFAULT_PAGE),
    }),
  },
  responses: {
    200: jsonAnswer(licenseEventPageSchema, "What became of licenses, oldest first"),
    default: problemAnswer,
  },
});

/** What webhooks tell, for who has none or has missed something. */
export const eventRoutes = createRoutes().openapi(eventsRoute, async (c) => {
  const { after, limit, ...asked } = c.req.valid("query");
  const { publisher, scope } = chooseOwner(c.get("principal"), asked);
  const db = readDatabase(c.env);
  const range = { after: await numberOf(db, publisher, after), limit };
  const { events, newest } = await listEvents(db, { publisher, scope, types: [] }, range);
  const now = Date.now();
  const last = events.at(-1);
  const isMore = last !== undefined && events.length === limit && last.number < newest;
  const items = events.map((event) => describeEvent(event, now));
  return c.json({ items, nextCursor: isMore ? eventId(last) : null }, 200);
});

/** A database that was set back has forgotten events, and will give their numbers to others. */
async function numberOf(db: Database, publisher: string, after: string | undefined) {
  if (after === undefined) return 0;
  const place = readEventId(after);
  if (place === null) throw new RbsmError("cursor_invalid");
  if (await isEvent(db, publisher, place)) return place.number;
  throw new RbsmError("cursor_expired", "There is no such event any more", {
    fix: "Read from the first event; those you have keep their ids.",
  });
}
