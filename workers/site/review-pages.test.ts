import { env } from "cloudflare:workers";
import { reportPageSchema } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { holderOf, review } from "../reviews/sample-review.ts";
import {
  buildBundle,
  call,
  createAccount,
  ORIGIN,
  publish,
  resetMarketplace,
  send,
} from "../testing.ts";

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
    expect(page).toContain("Antwort des Anbieters");
    expect(page).toContain('<html lang="de"');
    const levels = [...page.matchAll(/<h([1-6])/g)].map(([, level]) => level).join("");
    expect(levels).toMatch(/^123+$/);
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
  const submit = (
    fields: Record<string, string>,
    { address = "203.0.113.1", ...headers }: Record<string, string> = {},
  ) =>
    call(`${PATH}/report?lang=de`, {
      method: "POST",
      headers: {
        "Content-Type": "application/x-www-form-urlencoded",
        "CF-Connecting-IP": address,
        Accept: "text/html",
        ...headers,
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

  test("is not sent by a page of another site", async () => {
    const said = { reason: "other", text: "in the name of a visitor" };
    for (const headers of [
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site", Origin: ORIGIN },
      { Origin: "https://evil.example" },
      { Origin: "null" },
    ]) {
      expect([headers, (await submit(said, headers)).status]).toEqual([headers, 400]);
    }
    const before = (await queue()).length;
    expect((await submit(said, { "Sec-Fetch-Site": "same-origin" })).status).toBe(200);
    expect((await submit({ ...said, text: "again" }, { Origin: ORIGIN })).status).toBe(200);
    expect(await queue()).toHaveLength(before + 2);
  });

  test.each<[Record<string, string>, string]>([
    [{ reason: "dull", text: "Mine" }, "Bitte wählen Sie, was nicht stimmt."],
    [{ reason: "other", text: `Mine${"x".repeat(2_000)}` }, "höchstens 2.000 Zeichen"],
    [{ reason: "other", text: "Mine", contact: "x".repeat(201) }, "höchstens 200 Zeichen"],
    [{ reason: "other", text: "Mine", reviewId: "no" }, "betrifft das Plugin"],
    [{ reason: "other", text: "Mine", version: "9.9.9" }, "betrifft das Plugin"],
  ])("says in its language what is wrong, and keeps what was written: %#", async (fields, said) => {
    const answer = await submit({ contact: HOSTILE.slice(0, 24), ...fields });
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([400, "no-store"]);
    const page = await answer.text();
    expect(page).toContain(said);
    expect(page).toContain('role="alert"');
    expect(page).toMatch(/<textarea[^>]*>Mine/);
    expect(page).toContain(fields["contact"] ?? "&quot;&gt;&lt;script&gt;alert(1)");
    expect(page).not.toContain("<script");
    expect(page).not.toContain('type="hidden" name="reviewId"');
  });

  test("says when there were too many", async () => {
    const sender = { address: "203.0.113.2" };
    const answers: number[] = [];
    for (let at = 0; at < 11; at++) {
      answers.push((await submit({ reason: "other", text: `${at}` }, sender)).status);
    }
    expect(answers).toEqual([...Array.from({ length: 10 }, () => 200), 429]);
    const last = await submit({ reason: "other", text: "the eleventh" }, sender);
    expect(await last.text()).toMatch(/versuchen Sie es morgen[^]*<textarea[^>]*>the eleventh</);
  });
});
