import { env } from "cloudflare:workers";
import { reportPageSchema } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { holderOf, review } from "../reviews/sample-review.ts";
import { buildBundle, call, createAccount, publish, resetMarketplace, send } from "../testing.ts";

const PLUGIN = "@acme/hello";
const PATH = `/plugins/${PLUGIN}`;
const HOSTILE = `"><script>alert(1)</script>\n<img src=x onerror=alert(1)>`;

beforeAll(async () => {
  await resetMarketplace();
  const acme = await createAccount("acme");
  for (const name of [PLUGIN, "@acme/secret"]) {
    const visibility = name === PLUGIN ? "public" : "private";
    const bundle = await buildBundle(acme.key, { name, visibility });
    await publish({ name, version: "1.0.0" }, bundle, acme);
  }
  for (let at = 0; at < 21; at++) {
    await review(PLUGIN, { rating: 1 + (at % 5), title: `Review ${at}` }, await holderOf(PLUGIN));
  }
  const said = { rating: 5, title: "<b>bold</b>", text: HOSTILE, language: "en" };
  const { id } = await review(PLUGIN, said, await holderOf(PLUGIN));
  await send("PUT", `/v1/plugins/${PLUGIN}/reviews/${id}/reply`, { body: { text: HOSTILE } });
});

async function html(path: string): Promise<string> {
  const answer = await call(path, { headers: { Accept: "text/html" } });
  expect(answer.status).toBe(200);
  return answer.text();
}

describe("the page of reviews", () => {
  test("shows texts as texts, in their own language and direction", async () => {
    const page = await html(`${PATH}/ratings?lang=de`);
    expect(page).not.toContain("<script");
    expect(page).not.toContain("<img");
    expect(page).not.toContain("<b>bold");
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(page).toContain('dir="auto" lang="en"');
    expect(page).toContain("Antwort des Herausgebers");
    expect(page).toContain('<html lang="de"');
  });

  test("leads to the rest, in an order and with the stars that were chosen", async () => {
    const first = await html(`${PATH}/ratings?lang=en`);
    const next = /href="([^"]*cursor=[^"]*)"/.exec(first)?.[1]?.replaceAll("&amp;", "&") ?? "";
    expect(await html(next)).toContain("Review 0");
    const worst = await html(`${PATH}/ratings?lang=en&rating=1&sort=lowest`);
    expect(worst.match(/<article/g)).toHaveLength(5);
    expect(worst).toContain('<option value="lowest" selected');
    expect(await html(`${PATH}/ratings?rating=&sort=best`)).toContain("Review 20");
  });

  test("is kept for a minute when its language was chosen", async () => {
    const { headers } = await call(`${PATH}/ratings?lang=en`);
    expect(headers.get("cache-control")).toMatch(/^public, max-age=60/);
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  });
});

test.each(["@acme/secret", "@acme/none"])("%s has neither page", async (name) => {
  for (const page of ["ratings", "report"]) {
    expect((await call(`/plugins/${name}/${page}`)).status).toBe(404);
  }
});

describe("the form of a report", () => {
  const submit = (fields: Record<string, string>, address = "203.0.113.1") =>
    call(`${PATH}/report?lang=de`, {
      method: "POST",
      headers: {
        "Content-Type": "application/x-www-form-urlencoded",
        "CF-Connecting-IP": address,
        Accept: "text/html",
      },
      body: new URLSearchParams(fields).toString(),
    });

  async function queue() {
    return reportPageSchema.parse(await (await send("GET", "/v1/reports")).json()).items;
  }

  test("sends what was written, with the review that its link named, and without a script", async () => {
    const [{ id } = { id: "" }] = (
      await env.DB.prepare("SELECT id FROM reviews").all<{ id: string }>()
    ).results;
    const form = await html(`${PATH}/report?reason=review&reviewId=${id}&contact=${HOSTILE}`);
    expect(form).toContain(`<input type="hidden" name="reviewId" value="${id}"`);
    expect(form).toContain('<option value="review" selected');
    expect(form).not.toContain("<script");
    const answer = await submit({ reason: "review", reviewId: id, text: "Rude", contact: "" });
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(await answer.text()).toContain("Ihre Meldung ist angekommen.");
    expect(await queue()).toMatchObject([{ text: "Rude", reviewId: id, contact: null }]);
  });

  test("says what is wrong with it, and when there were too many", async () => {
    expect((await submit({ reason: "dull" })).status).toBe(400);
    expect((await submit({ reason: "other", text: "x".repeat(2_001) })).status).toBe(400);
    const body = { reason: "other", reviewId: "no" };
    expect((await submit(body)).status).toBe(400);
    const answers: number[] = [];
    for (let at = 0; at < 11; at++) {
      answers.push((await submit({ reason: "other", text: `${at}` }, "203.0.113.2")).status);
    }
    expect(answers).toEqual([...Array.from({ length: 10 }, () => 200), 429]);
    expect(await queue()).toHaveLength(11);
  });
});
