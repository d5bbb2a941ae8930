import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { writeSearchDoc } from "../search/index-plugin.ts";
import { sampleListing, seedCatalogue } from "../search/sample-catalogue.ts";
import { buildBundle, call, createAccount, publish, resetMarketplace, send } from "../testing.ts";
import type { Account } from "../testing.ts";

const HOSTILE = `"><script>alert(1)</script>&lt;`;

async function publishPlugin(
  account: Account,
  manifest: Record<string, unknown> & { name: string },
) {
  const bundle = await buildBundle(account.key, manifest);
  const response = await publish({ name: manifest.name, version: "1.0.0" }, bundle, account);
  expect(response.status).toBe(201);
}

beforeAll(async () => {
  await resetMarketplace();
  const acme = await createAccount("acme");
  await publishPlugin(acme, {
    name: "@acme/invoices",
    displayName: { en: "Invoice Export", de: "Rechnungsexport" },
    description: { en: "Exports invoices", de: "Exportiert Rechnungen" },
    permissions: [
      { code: "customers.view", reason: { en: "To print the address", de: "Für die Anschrift" } },
      "customers.delete",
    ],
    network: ["api.example.com"],
    categories: ["finance"],
    license: "MIT",
    homepage: "https://example.com/invoices",
    engines: { "rising-bsm": "^2.1.0" },
    dependencies: { "@acme/base": "^1.0.0" },
  });
  await publishPlugin(acme, {
    name: "@acme/paid",
    displayName: "Paid thing",
    pricing: {
      plans: [
        { id: "pro", kind: "subscription", price: { amount: 9, currency: "EUR" }, period: "month" },
      ],
    },
  });
  await publishPlugin(acme, {
    name: "@acme/hostile",
    displayName: HOSTILE,
    description: HOSTILE,
    keywords: [HOSTILE],
  });
});

async function page(path: string, headers: Record<string, string> = {}) {
  const response = await call(path, { headers: { Accept: "text/html", ...headers } });
  const [html, data] = withoutData(await response.text());
  return { response, status: response.status, html, data };
}

/** A page without what it says to search engines, and that. */
function withoutData(html: string): [string, string] {
  const block = '<script type="application/ld+json">';
  const [before = "", rest] = html.split(block);
  if (rest === undefined) return [html, ""];
  const end = rest.indexOf("</script>");
  return [before + rest.slice(end + "</script>".length), rest.slice(0, end)];
}

test("the browse page lists plugins with name, publisher, price and a link", async () => {
  const { status, html } = await page("/?lang=en");
  expect(status).toBe(200);
  expect(html).toContain('<a href="/plugins/@acme/invoices?lang=en">Invoice Export</a>');
  expect(html).toContain("€9.00 a month");
  expect(html).toMatch(/^<!doctype html><html lang="en">/);
});

test("a search keeps its words, filters and language in the form", async () => {
  const { html } = await page(
    "/?lang=de&q=Rechnungen&category=finance&permission=!storage&sort=new&host=2.1",
  );
  expect(html).toContain('value="Rechnungen"');
  expect(html).toContain('<option value="finance" selected="">Finanzen (1)</option>');
  expect(html).toContain('<option value="new" selected="">Neueste</option>');
  expect(html).toContain('name="lang" value="de"');
  expect(html).toContain('name="host" value="2.1"');
  expect(html).toContain("Rechnungsexport");
  expect(html).not.toContain("Paid thing");
});

test("leaving out a permission leaves out the plugins that ask for it", async () => {
  const { html } = await page("/?lang=en&permission=!customers.view");
  expect(html).not.toContain("Invoice Export");
  expect(html).toContain("Paid thing");
  expect(html).toContain('value="!customers.view" checked=""');
});

test("a misspelt search offers the right spelling under the same filters", async () => {
  const { html } = await page("/?lang=en&q=invocie&price=free");
  expect(html).toContain(
    'Did you mean <a href="/?q=invoice&amp;price=free&amp;lang=en">invoice</a>?',
  );
});

test("the plugin's page says in sentences what it may do, and shows digests, keys and how to install", async () => {
  const { status, html } = await page("/plugins/@acme/invoices?lang=en");
  expect(status).toBe(200);
  for (const text of [
    "See your customers and their notes",
    "To print the address",
    "Delete customers",
    "high risk",
    "Exchange data with api.example.com",
    "latest",
    "SHA-256",
    "h1:",
    "await host.install(&quot;@acme/invoices&quot;",
    'href="/?category=finance&amp;lang=en"',
    'href="/plugins/@acme/base?lang=en"',
    "^2.1.0",
    'href="https://example.com/invoices"',
  ]) {
    expect(html).toContain(text);
  }
  const bundle = /href="(\/b\/[0-9a-f]{64}\.rbsm)"/.exec(html)?.[1] ?? "";
  expect((await call(bundle)).status).toBe(200);
});

test("the plugin's page is German for who asks for German", async () => {
  const { html, response } = await page("/plugins/@acme/invoices", {
    "Accept-Language": "de-DE,de;q=0.9",
  });
  expect(html).toContain("Rechnungsexport");
  expect(html).toContain("Ihre Kunden und deren Notizen sehen");
  expect(html).toContain("Für die Anschrift");
  expect(response.headers.get("Content-Language")).toBe("de");
});

test("a paid plugin shows its plans and no download", async () => {
  const { html } = await page("/plugins/@acme/paid?lang=en");
  expect(html).toContain("licenseKey");
  expect(html).toContain("Subscription");
  expect(html).not.toContain('href="/b/');
});

test.each([
  "/",
  "/plugins/@acme/hostile",
  `/?q=${encodeURIComponent(HOSTILE)}`,
  `/?host=${encodeURIComponent(HOSTILE)}`,
])("no text of a publisher or visitor becomes markup on %s", async (path) => {
  const { html, data } = await page(path);
  expect(html).not.toContain("<script");
  expect(html).not.toContain("</script>");
  expect(data).not.toContain("<");
});

test.each(["/?lang=en", "/plugins/@acme/invoices", "/nothing-here", "/site/style.css"])(
  "%s allows no script and no framing",
  async (path) => {
    const { response } = await page(path);
    const policy = response.headers.get("Content-Security-Policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
  },
);

test("pages hold no inline script, style or event handler that the policy would block", async () => {
  for (const path of ["/", "/plugins/@acme/invoices", "/nothing-here"]) {
    const { html } = await page(path);
    expect(html).not.toMatch(/<script|<style|\sstyle=|\son[a-z]+=/);
  }
});

test("the style sheet of a page is there and may be kept for ever", async () => {
  const { html } = await page("/");
  const path = /href="(\/site\/style\.css\?v=[0-9a-f]{16})"/.exec(html)?.[1] ?? "";
  const response = await call(path);
  expect(response.headers.get("Content-Type")).toContain("text/css");
  expect(response.headers.get("Cache-Control")).toContain("immutable");
  expect((await call("/site/style.css")).headers.get("Cache-Control")).toBe("no-store");
  expect((await call("/site/icon.svg")).headers.get("Content-Type")).toBe("image/svg+xml");
});

test("a page may be shared once its language is in the URL", async () => {
  const chosen = await page("/?lang=de");
  expect(chosen.response.headers.get("Cache-Control")).toContain("public");
  const negotiated = await page("/");
  expect(negotiated.response.headers.get("Cache-Control")).toContain("private");
  expect(negotiated.response.headers.get("Vary")).toContain("Accept-Language");
});

test.each([
  ["/plugins/@acme/nothing", 404, "Not found"],
  ["/plugins/@ACME/INVOICES", 404, "Not found"],
  ["/no/such/page", 404, "Not found"],
  ["/?cursor=made-up", 400, "The cursor is not valid"],
  ["/?limit=1000", 400, "That did not work"],
  ["/?sort=size&lang=de", 400, "Das hat nicht geklappt"],
])("%s is a page with status %i", async (...[path, expected, text]) => {
  const { status, html, response } = await page(path);
  expect(status).toBe(expected);
  expect(html).toContain(text);
  expect(html).toContain('content="noindex"');
  expect(response.headers.get("Cache-Control")).toBe("no-store");
});

test("an escaped address is the plugin's page too", async () => {
  expect((await page("/plugins/%40acme/invoices")).status).toBe(200);
});

test("an unknown path of the API is a problem to whoever asks", async () => {
  const response = await call("/v1/nothing", { headers: { Accept: "text/html" } });
  expect(response.status).toBe(404);
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
});

test("a program that asks for an unknown path gets problem details", async () => {
  const response = await call("/no/such/page", { headers: { Accept: "application/json" } });
  expect(response.status).toBe(404);
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
});

test("deprecated and withdrawn plugins say so in the list and on their page", async () => {
  const bundled = await page("/plugins/@acme/invoices?lang=en");
  expect(bundled.html).not.toContain("Deprecated:");
  const response = await send("POST", "/v1/plugins/@acme/invoices/versions/1.0.0/deprecate", {
    body: { reason: "Use @acme/paid" },
  });
  expect(response.status).toBe(200);
  expect((await page("/plugins/@acme/invoices?lang=en")).html).toContain("Use @acme/paid");
  expect((await page("/?lang=en")).html).toContain('<span class="badge warn">Deprecated</span>');
});

test("a plugin whose document is not there yet is not found", async () => {
  await writeSearchDoc(env.SEARCH, sampleListing({ name: "@ghost/plugin" }));
  expect((await page("/plugins/@ghost/plugin")).status).toBe(404);
  await env.SEARCH.prepare("DELETE FROM docs WHERE name = '@ghost/plugin'").run();
});

test("the next page follows the link and leads back to the first", async () => {
  await seedCatalogue(env.SEARCH, 60);
  const first = await page("/?lang=en&sort=new&price=free");
  const next =
    /href="(\/\?[^"]*cursor=[^"]*)"/.exec(first.html)?.[1]?.replaceAll("&amp;", "&") ?? "";
  expect(next).toContain("price=free");
  const second = await page(next);
  expect(second.status).toBe(200);
  expect(second.html).toContain(
    '<a href="/?sort=new&amp;price=free&amp;lang=en">Back to the first page</a>',
  );
  const names = (html: string) =>
    [...html.matchAll(/<code>(@[^<]*)<\/code>/g)].map((match) => match[1]);
  expect(names(first.html).length).toBe(20);
  expect(new Set([...names(first.html), ...names(second.html)]).size).toBe(40);
});
