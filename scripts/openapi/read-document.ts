import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";
import { z } from "zod";

/** What of OpenAPI 3.1 the Worker's description uses. */
const schemaObject = z.record(z.string(), z.unknown());
const content = z.record(z.string(), z.looseObject({ schema: schemaObject }));
const operation = z.looseObject({
  parameters: z
    .array(
      z.looseObject({
        name: z.string(),
        in: z.enum(["query", "path", "header"]),
        required: z.boolean().default(false),
        schema: schemaObject,
        description: z.string().optional(),
      }),
    )
    .default([]),
  requestBody: z.looseObject({ required: z.boolean().default(false), content }).optional(),
  responses: z.record(
    z.string(),
    z.looseObject({ description: z.string(), content: content.optional() }),
  ),
});
const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operation)),
});

export type OpenApiDocument = z.output<typeof documentSchema>;
export type Operation = z.output<typeof operation>;
export type Content = z.output<typeof content>;
export type Schema = z.output<typeof schemaObject>;

/** The description that the Worker's own routes give of themselves. */
export async function readDocument(): Promise<OpenApiDocument> {
  const { app } = appModule.parse(await import(await bundleApp()));
  const response = await app.fetch(new Request("https://marketplace.test/openapi.json"), {}, {});
  return documentSchema.parse(await response.json());
}

const appModule = z.object({
  app: z.object({
    fetch: z.custom<(request: Request, env: object, context: object) => Promise<Response>>(
      (value) => typeof value === "function",
    ),
  }),
});

const BUNDLE = "dist/openapi/app.mjs";

/** Node takes no JSX: the Worker becomes one module. Answers its URL. */
async function bundleApp(): Promise<string> {
  const build = await rolldown({
    input: "workers/app.ts",
    platform: "node",
    transform: { jsx: { runtime: "automatic", importSource: "hono/jsx" } },
    plugins: [emptyRuntime],
    logLevel: "silent",
  });
  await build.write({ file: BUNDLE, format: "esm", codeSplitting: false });
  await build.close();
  return pathToFileURL(BUNDLE).href;
}

/** What only workerd has; no route needs it to describe itself. */
const emptyRuntime = {
  name: "empty-runtime",
  resolveId: (id: string) => (id.startsWith("cloudflare:") ? `\0${id}` : null),
  load: (id: string) =>
    id.startsWith("\0cloudflare:")
      ? "export const env = {}; export const waitUntil = () => {};"
      : null,
};
