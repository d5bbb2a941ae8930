import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { getCookie, setCookie, setSignedCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { z } from "zod";

const Order = z.object({
  customer: z.string().min(1).max(80),
  email: z.email(),
  lines: z.array(z.object({ article: z.string(), count: z.int().positive() })).min(1),
  due: z.iso.date().optional(),
  note: z.string().trim().default(""),
});
const Search = z.object({
  q: z.string().min(2),
  tag: z.union([z.string(), z.array(z.string())]).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

const orders = new Hono()
  .get("/", zValidator("query", Search), (c) => c.json(c.req.valid("query")))
  .post("/", zValidator("json", Order), (c) => {
    const order = c.req.valid("json");
    const count = order.lines.reduce((sum, line) => sum + line.count, 0);
    return c.json({ ...order, count }, 201, { location: "/orders/7" });
  })
  .get("/:id{[0-9]+}", (c) => c.json({ id: Number(c.req.param("id")) }))
  .delete("/:id", (c) => c.body(null, 204));

/** What an API of ordinary size uses of Hono. */
export const app = new Hono<{ Variables: { startedBy: string } }>()
  .use(secureHeaders())
  .use("/api/*", cors({ origin: "https://app.example", maxAge: 600 }))
  .use(requestId({ generator: () => "fixed" }))
  .use(async (c, next) => {
    c.set("startedBy", c.req.header("x-started-by") ?? "nobody");
    await next();
    c.header("x-handled", `${c.req.method} ${c.res.status}`);
  })
  .route("/orders", orders)
  .get("/", (c) => c.text("Grüß Gott 👋"))
  .get("/who", (c) => c.json({ startedBy: c.get("startedBy"), agent: c.req.header("User-Agent") }))
  .get("/hello/:name/:rest{.+}", (c) => c.json(c.req.param()))
  .get("/optional/:word?", (c) => c.json({ word: c.req.param("word") ?? null }))
  .get("/queries", (c) => c.json({ all: c.req.queries("a") ?? [], one: c.req.query() }))
  .get("/api/time", etag(), (c) => c.json({ time: "2026-01-01T00:00:00Z" }))
  .get("/cookies", (c) => {
    setCookie(c, "seen", String(Number(getCookie(c, "seen") ?? 0) + 1), { httpOnly: true });
    setCookie(c, "language", "de-AT", { path: "/", maxAge: 60, sameSite: "Lax" });
    return c.json(getCookie(c));
  })
  .get("/signed", async (c) => {
    await setSignedCookie(c, "user", "7", "a secret of the tests");
    return c.text("signed");
  })
  .get("/old", (c) => c.redirect("/new?from=old", 301))
  .get("/html", (c) => c.html("<h1>Ä</h1>"))
  .post("/echo", async (c) => {
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    return c.body(bytes.toReversed(), 200, { "content-type": "application/octet-stream" });
  })
  .post("/text", async (c) => c.text((await c.req.text()).toUpperCase()))
  .post("/raw", async (c) => c.json({ json: await c.req.raw.clone().json() }))
  .get("/response", () => new Response("plain", { status: 418, headers: { "x-own": "1" } }))
  .get("/late", async (c) => {
    await new Promise((done) => setTimeout(done, 5));
    return c.text("late");
  })
  .get("/refused", () => {
    throw new HTTPException(403, { message: "Not for you" });
  })
  .get("/broken", () => {
    throw new Error("inside");
  })
  .on(["PUT", "PATCH"], "/either", (c) => c.text(c.req.method))
  .all("/any", (c) => c.text(c.req.method))
  .notFound((c) => c.json({ error: "not found", path: c.req.path }, 404))
  .onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    return c.json({ error: error.message }, 500);
  });
