import { Hono } from "hono";
import { html, raw } from "hono/html";
import { createContext, type FC, type PropsWithChildren, useContext } from "hono/jsx";
import { jsxRenderer } from "hono/jsx-renderer";
import { z } from "zod";

const Booking = z.object({
  name: z.string().trim().min(2, "Name is too short"),
  people: z.coerce.number().int().min(1).max(12),
  wishes: z.array(z.enum(["window", "quiet", "garden"])).default([]),
  message: z.string().max(500).default(""),
});

const Language = createContext("en");

const Greeting: FC<{ name: string }> = ({ name }) => {
  const language = useContext(Language);
  return <p lang={language}>{language === "de" ? `Servus ${name}` : `Hello ${name}`}</p>;
};

const Later: FC = async () => {
  await new Promise((done) => setTimeout(done, 2));
  return <em>later</em>;
};

const Layout: FC<PropsWithChildren<{ title?: string }>> = ({ title, children }) => (
  <html lang="en">
    <head>
      <title>{title ?? "Bookings"}</title>
      <style>{raw("body > p { color: teal }")}</style>
    </head>
    <body>{children}</body>
  </html>
);

const Form: FC<{ errors?: readonly string[] }> = ({ errors = [] }) => (
  <form method="post" enctype="multipart/form-data">
    {errors.length > 0 && (
      <ul class="errors">
        {errors.map((error) => (
          <li key={error}>{error}</li>
        ))}
      </ul>
    )}
    <input name="name" required disabled={false} data-x={'"<&>'} />
  </form>
);

declare module "hono" {
  interface ContextRenderer {
    // oxlint-disable-next-line typescript/method-signature-style -- Hono declares it like this
    (content: string | Promise<string>, props?: { title?: string }): Response | Promise<Response>;
  }
}

/** A small site: pages in JSX and a form that is posted in both encodings. */
export const app = new Hono()
  .use(
    jsxRenderer(({ children, title }) => <Layout title={title ?? "Bookings"}>{children}</Layout>),
  )
  .get("/", (c) => c.render(<Form />, { title: "Book a table" }))
  .get("/hello/:name", (c) =>
    c.render(
      <Language.Provider value={c.req.query("lang") ?? "en"}>
        <Greeting name={c.req.param("name")} />
        <Later />
      </Language.Provider>,
    ),
  )
  .get("/template", (c) => c.html(html`<b>${c.req.query("text") ?? ""}</b>${raw("<i>raw</i>")}`))
  .post("/", async (c) => {
    const form = await c.req.parseBody({ all: true });
    const wishes = [form["wishes"] ?? []].flat();
    const booking = Booking.safeParse({ ...form, wishes });
    if (!booking.success) {
      c.status(422);
      return c.render(<Form errors={booking.error.issues.map(({ message }) => message)} />);
    }
    return c.json(booking.data, 201);
  })
  .post("/upload", async (c) => {
    const form = await c.req.formData();
    const parts = [...form.entries()].map(async ([name, value]) =>
      typeof value === "string"
        ? { name, text: value }
        : {
            name,
            file: value.name,
            type: value.type,
            size: value.size,
            bytes: [...new Uint8Array(await value.arrayBuffer())],
          },
    );
    return c.json(await Promise.all(parts));
  });
