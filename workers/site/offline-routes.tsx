import { parseOfflineRequest, RbsmError } from "@rising-bsm/protocol";
import type { OfflineRequestFile } from "@rising-bsm/protocol";
import { Hono } from "hono";
import { requireSchema } from "../database.ts";
import type { AppEnv } from "../env.ts";
import { limitBody } from "../http.ts";
import type { AppContext } from "../http.ts";
import { answerRequest } from "../offline/answer-request.ts";
import { fileAnswer } from "../offline/routes.ts";
import { addSecurityHeaders, answerPage, languageOf } from "./answer-page.tsx";
import { OfflinePage } from "./offline-page.tsx";
import { requireOwnForm } from "./own-form.ts";
import { TEXTS } from "./texts.ts";

/** Licensing a host without a network on a page: a form takes the request file and answers with one. */
export const offlinePages = new Hono<AppEnv>();

offlinePages.get("/offline", addSecurityHeaders, (c) => {
  const language = languageOf(c);
  const texts = TEXTS[language.locale];
  const frame = {
    language,
    title: texts.offlineTitle,
    description: texts.offlineLead,
    address: { path: "/offline", params: [] },
    isIndexed: true,
  };
  return answerPage(c, frame, <OfflinePage language={language} />);
});

offlinePages.post("/offline", addSecurityHeaders, requireOwnForm, requireSchema, async (c) => {
  const address = c.req.header("cf-connecting-ip");
  const answering = { env: c.env, requestId: c.get("requestId"), address };
  return fileAnswer(await answerRequest(answering, await readForm(c)));
});

async function readForm(c: AppContext): Promise<OfflineRequestFile> {
  await limitBody(c);
  const form = await c.req.raw.formData().catch((cause: unknown) => {
    throw new RbsmError("request_invalid", "The form is not readable", {}, cause);
  });
  const file = form.get("request");
  if (file === null) throw new RbsmError("request_invalid", "The form has no file");
  const content = typeof file === "string" ? file : new Uint8Array(await file.arrayBuffer());
  return parseOfflineRequest(content);
}
