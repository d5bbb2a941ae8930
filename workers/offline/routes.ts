import { OFFLINE_LIMITS, offlineRequestFileSchema } from "@rising-bsm/protocol";
import { z } from "zod";
import { createRoute, createRoutes, jsonBody, problemAnswer } from "../http.ts";
import { answerRequest } from "./answer-request.ts";
import type { Answer } from "./answer-request.ts";

const offlineRoute = createRoute({
  method: "post",
  path: "/v1/licenses/offline",
  request: { body: jsonBody(offlineRequestFileSchema) },
  responses: {
    200: {
      description: `What \`rising-bsm license import\` reads, at most ${OFFLINE_LIMITS.answerBytes} bytes`,
      content: { "application/x-tar": { schema: z.any() } },
    },
    default: problemAnswer,
  },
});

/** For hosts without a network: a request that came as a file is answered with one. */
export const offline = createRoutes().openapi(offlineRoute, async (c) => {
  const address = c.req.header("cf-connecting-ip");
  const answering = { env: c.env, requestId: c.get("requestId"), address };
  return fileAnswer(await answerRequest(answering, c.req.valid("json")));
});

/** The archive as a download that nobody keeps a copy of. */
export function fileAnswer({ archive, fileName }: Answer): Response {
  return new Response(archive, {
    headers: {
      "Content-Type": "application/x-tar",
      "Content-Disposition": `attachment; filename="${fileName}"`,
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    },
  });
}
