import { RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import { serveObject } from "../downloads/serve-object.ts";
import { createRoute, createRoutes, problemAnswer } from "../http.ts";

const mediaRoute = createRoute({
  method: "get",
  path: "/media/{file}",
  request: {
    params: z.object({ file: z.string().describe("<sha256>.png, .jpg, .webp or .html") }),
  },
  responses: {
    200: {
      description: "An icon or screenshot, or a README or changelog as a fragment of HTML",
      content: { "image/*": { schema: z.any() }, "text/html": { schema: z.any() } },
    },
    206: { description: "The range asked for" },
    304: { description: "The caller's copy is still the newest" },
    416: { ...problemAnswer, description: "The range lies outside" },
    default: problemAnswer,
  },
});

export const media = createRoutes();

/** Bytes of the bucket, never a query. A fragment that somebody opens by itself is no page of ours. */
media.openapi(mediaRoute, async (c) => {
  const { file } = c.req.valid("param");
  const [, type] = /^[0-9a-f]{64}\.(png|jpg|webp|html)$/.exec(file) ?? [];
  if (type === undefined) throw new RbsmError("not_found");
  const response = await serveObject(c.env.BUNDLES, `media/${file}`, c.req.raw);
  if (response === null) throw new RbsmError("not_found");
  response.headers.set("Content-Security-Policy", "default-src 'none'; sandbox");
  if (type === "html") response.headers.set("Content-Disposition", "attachment");
  return response;
});
