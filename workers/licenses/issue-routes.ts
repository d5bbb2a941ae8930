import {
  licenseChangeSchema,
  licenseRequestSchema,
  licenseResultSchema,
  upgradeRequestSchema,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { assertOwnsPlugin, requirePublisher } from "../auth.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, TOKEN } from "../http.ts";
import { idempotencyHeaders, readIdempotencyKey } from "../idempotency.ts";
import { isoTime } from "../iso-time.ts";
import { alterLicense } from "./alter-license.ts";
import type { Altered } from "./alter-license.ts";
import { LICENSE_ACTIONS } from "./change-license.ts";
import { licenseState } from "./license-state.ts";
import { sellLicense } from "./sell-license.ts";

const issueRoute = createRoute({
  method: "post",
  path: "/v1/licenses",
  middleware: [requirePublisher("licenses")] as const,
  security: TOKEN,
  request: { headers: idempotencyHeaders, body: jsonBody(licenseRequestSchema) },
  responses: {
    201: jsonAnswer(licenseResultSchema, "Issued; the key is not shown again"),
    default: problemAnswer,
  },
});

const upgradeRoute = createRoute({
  method: "post",
  path: "/v1/licenses/{id}/upgrade",
  middleware: [requirePublisher("licenses")] as const,
  security: TOKEN,
  request: {
    params: z.object({ id: z.uuid() }),
    headers: idempotencyHeaders,
    body: jsonBody(upgradeRequestSchema),
  },
  responses: {
    200: jsonAnswer(licenseChangeSchema, "The license has the terms of the other plan"),
    default: problemAnswer,
  },
});

const changeRoute = createRoute({
  method: "post",
  path: "/v1/licenses/{id}/{action}",
  middleware: [requirePublisher("licenses")] as const,
  security: TOKEN,
  request: {
    params: z.object({ id: z.uuid(), action: z.enum(LICENSE_ACTIONS) }),
    headers: idempotencyHeaders,
  },
  responses: {
    200: jsonAnswer(
      licenseChangeSchema,
      "Changed; it acts on hosts when they renew next. A transfer answers the new key",
    ),
    default: problemAnswer,
  },
});

/** For whoever sells: the administrator and publishers. */
export const issueRoutes = createRoutes()
  .openapi(issueRoute, async (c) => {
    const request = c.req.valid("json");
    await assertOwnsPlugin(c, request.plugin);
    const idempotencyKey = readIdempotencyKey(c.req.valid("header"));
    const { id, licenseKey } = await sellLicense(c, request, idempotencyKey);
    return c.json({ licenseId: id, licenseKey }, 201);
  })
  .openapi(upgradeRoute, async (c) => {
    const { id } = c.req.valid("param");
    const upgrade = c.req.valid("json");
    const idempotencyKey = readIdempotencyKey(c.req.valid("header"));
    const altered = await alterLicense(c, { id, action: "upgrade", upgrade, idempotencyKey });
    return c.json(shown(altered), 200);
  })
  .openapi(changeRoute, async (c) => {
    const { id, action } = c.req.valid("param");
    const idempotencyKey = readIdempotencyKey(c.req.valid("header"));
    return c.json(shown(await alterLicense(c, { id, action, idempotencyKey })), 200);
  });

function shown({ license, licenseKey, now }: Altered) {
  return {
    licenseId: license.id,
    state: licenseState(license, now),
    until: isoTime(license.until),
    updatesUntil: isoTime(license.updatesUntil),
    ...(licenseKey === undefined ? {} : { licenseKey }),
  };
}
