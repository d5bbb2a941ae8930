import type { PluginApi } from "@rising-bsm/plugin-sdk";
import { Hono } from "hono";
import { z } from "zod";
import { Callback, toRequest } from "./callback.ts";
import { Form, Layout } from "./pages.tsx";
import { type Language, languageOf, TEXTS } from "./texts.ts";

const Settings = z.object({
  company: z.string().default("Demo Handwerk GmbH"),
  topics: z.array(z.string()).min(1).catch(["Angebot", "Reparatur", "Wartung"]),
});

interface Environment {
  readonly Bindings: { readonly api: PluginApi };
  readonly Variables: { language: Language; settings: z.output<typeof Settings> };
}

/** The public pages. */
export const app = new Hono<Environment>()
  .use(async (c, next) => {
    c.set("language", languageOf(c.req.query("lang"), c.req.header("accept-language")));
    c.set("settings", Settings.parse(c.env.api.config));
    c.header("vary", "accept-language");
    await next();
  })
  .get("/", (c) => {
    const { language, settings } = c.var;
    return c.html(
      <Layout language={language} company={settings.company}>
        <Form language={language} topics={settings.topics} />
      </Layout>,
    );
  })
  .post("/", async (c) => {
    const { language, settings } = c.var;
    const sent = await c.req.parseBody({ all: true });
    const callback = Callback.safeParse({ ...sent, time: [sent["time"] ?? []].flat() });
    if (!callback.success) {
      const wrong = [...new Set(callback.error.issues.map(({ path }) => String(path[0])))];
      const page = (
        <Layout language={language} company={settings.company}>
          <Form language={language} topics={settings.topics} sent={sent} wrong={wrong} />
        </Layout>
      );
      return c.html(page, 422);
    }
    if (callback.data.website === "") await c.env.api.requests.create(toRequest(callback.data));
    return c.redirect(`/thanks?lang=${language}`, 303);
  })
  .get("/thanks", (c) => {
    const { language, settings } = c.var;
    return c.html(
      <Layout language={language} company={settings.company}>
        <p>{TEXTS[language].thanks}</p>
      </Layout>,
    );
  })
  .get("/topics", (c) => c.json(c.var.settings.topics));
