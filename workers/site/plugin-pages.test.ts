import { env } from "cloudflare:workers";
import { base64, pluginDocumentSchema, sha256, utf8 } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { buildBundle, call, createAccount, publish, resetMarketplace } from "../testing.ts";
import type { Account } from "../testing.ts";

const NAME = "@acme/invoices";
const PATH = `/plugins/${NAME}`;
const PAGES = ["", "/versions", "/changelog", "/compare", "/dependents"];
const NEEDED = { [NAME]: "^2.0.0" };
let acme: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  await release({ name: NAME, version: "1.0.0", engines: { "rising-bsm": "^2" } });
  await release({
    name: NAME,
    version: "2.0.0",
    displayName: { en: "Invoice </script> Export", de: "Rechnungsexport" },
    engines: { "rising-bsm": "^3" },
    license: "MIT",
    network: ["api.example.com"],
    permissions: [{ code: "customers.view", optional: true, reason: "For the address" }],
    routes: [{ method: "POST", path: "/hook", public: true }],
    schedules: [{ name: "daily", cron: "0 7 * * *" }],
  });
  await release({ name: "@acme/bulk", version: "1.0.0", dependencies: NEEDED });
  await release({ name: "@acme/veiled", version: "1.0.0", visibility: "unlisted" });
  await release({ name: "@acme/secret", version: "1.0.0", visibility: "private" });
  await showDetails();
});

async function release(manifest: { name: string; version: string; [key: string]: unknown }) {
  const bundle = await buildBundle(acme.key, manifest);
  expect((await publish(manifest, bundle, acme)).status).toBe(201);
}

const CHANGELOG = `<section data-version="2.0.0"><h3>2.0.0</h3><p>Faster</p><table></table></section>
<section data-version="1.0.0"><h3>1.0.0</h3><p>First</p></section>`;
const digest = (letter: string) => letter.repeat(64);
const image = (letter: string, width: number, height: number) => ({
  sha256: digest(letter),
  type: "png",
  width,
  height,
});

/** What a release of these texts and images has in the bucket and in its row. */
async function showDetails(): Promise<void> {
  const details = {
    icon: image("a", 256, 256),
    screenshots: [image("b", 1200, 800), image("c", 600, 400)],
    readme: digest("d"),
    changelog: digest("e"),
  };
  await env.BUNDLES.put(`media/${digest("d")}.html`, "<h3>Read <em>me</em></h3>");
  await env.BUNDLES.put(`media/${digest("e")}.html`, CHANGELOG);
  await env.DB.prepare("UPDATE versions SET details = ? WHERE plugin = ? AND version = '2.0.0'")
    .bind(JSON.stringify(details), NAME)
    .run();
}

async function page(path: string) {
  const response = await call(path, { headers: { Accept: "text/html" } });
  return { response, status: response.status, html: await response.text() };
}

describe("the plugin's page", () => {
  test("shows icon, screenshots and description, with links that need no script", async () => {
    const { html } = await page(`${PATH}?lang=en`);
    expect(html).toContain(`<img class="icon" src="/media/${digest("a")}.png" alt=""`);
    expect(html).toContain(`<a href="/media/${digest("b")}.png"><img `);
    expect(html).toContain('Screenshot 2 of 2, full size" width="600" height="400"');
    expect(html).toContain("<h3>Read <em>me</em></h3>");
    for (const [, id] of html.matchAll(/<a href="#([a-z]+)"/g))
      expect(html).toContain(`id="${id}"`);
  });

  test("shows for which hosts the versions are, their sizes, who needs it and who signed it", async () => {
    const { html } = await page(`${PATH}?lang=en`);
    expect(html).toContain('<th scope="row">1.0.0</th><td>^2</td>');
    expect(html).toMatch(/<meter aria-hidden="true" min="0" max="\d+" value="\d+"/);
    expect(html).toContain('<a href="/plugins/@acme/bulk?lang=en">@acme/bulk</a> ^2.0.0');
    expect(html).toContain(`/index/${NAME}/2.0.0.tlog-proof`);
    expect(html).toContain(acme.key.keyId);
    expect(html).toContain(`${PATH}/compare?from=1.0.0&amp;to=2.0.0&amp;lang=en`);
  });

  test("counts one as one", async () => {
    await env.DB.prepare(
      "INSERT INTO plugin_counts (plugin, installs, downloads) VALUES ('@acme/bulk', 1, 1)",
    ).run();
    const path = "/plugins/@acme/bulk";
    expect((await page(`${path}?lang=en`)).html).toContain("<span>1 download</span>");
    expect((await page(`${path}?lang=de`)).html).toContain("<span>1 Installation</span>");
  });

  test("tells programs what it is, in the one block that its policy allows", async () => {
    const { html, response } = await page(`${PATH}?lang=en`);
    const script = /<script type="application\/ld\+json">(.*?)<\/script>/.exec(html)?.[1] ?? "";
    expect(z.looseObject({}).parse(JSON.parse(script))).toMatchObject({
      "@type": "SoftwareApplication",
      name: "Invoice </script> Export",
      softwareVersion: "2.0.0",
      offers: { price: 0 },
      license: "MIT",
      image: ["b", "c", "a"].map(
        (letter) => `https://marketplace.test/media/${digest(letter)}.png`,
      ),
    });
    const hash = base64(await sha256(utf8(script)));
    const policy = response.headers.get("Content-Security-Policy") ?? "";
    expect(policy).toContain(`; script-src 'sha256-${hash}'`);
    expect(policy).toContain("default-src 'none'");
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html).toContain(
      `<link rel="canonical" href="https://marketplace.test${PATH}?lang=en"/>`,
    );
    expect(html).toContain(
      `<meta property="og:image" content="https://marketplace.test/media/${digest("b")}.png"/>`,
    );
  });

  test("leaves out a text that is not there yet", async () => {
    await env.BUNDLES.delete(`media/${digest("d")}.html`);
    const { status, html } = await page(`${PATH}?lang=en`);
    expect(status).toBe(200);
    expect(html).not.toContain('id="readme"');
  });
});

describe("the comparison", () => {
  test("says in sentences what the newest version changes, and offers the others", async () => {
    const { html } = await page(`${PATH}/compare?lang=en`);
    for (const text of [
      "1.0.0 → 2.0.0",
      "It asks for more",
      "See your customers and their notes",
      "For the address",
      '<span class="badge">optional</span>',
      "Exchange data with api.example.com",
      "POST /hook",
      "daily: 0 7 * * *",
      "^2 becomes ^3",
      "The same key signed both versions.",
      '<option value="1.0.0" selected="">1.0.0</option>',
      "<p>Faster</p>",
    ]) {
      expect(html).toContain(text);
    }
    expect(html).not.toContain("<p>First</p>");
  });

  test("goes both ways, in both languages", async () => {
    const { html } = await page(`${PATH}/compare?from=2.0.0&to=1.0.0&lang=de`);
    expect(html).toContain("Es verlangt nicht mehr");
    expect(html).toContain("Ihre Kunden und deren Notizen sehen");
    expect(html).toContain('name="lang" value="de"');
    const same = await page(`${PATH}/compare?from=2.0.0&to=2.0.0&lang=en`);
    expect(same.html).toContain("Nothing changes in permissions");
  });

  test("names a limit that rises, and another publisher before everything else", async () => {
    const limits = { memoryMb: 256 };
    await release({ name: "@acme/bulk", version: "1.0.1", dependencies: NEEDED, limits });
    const compared = "/plugins/@acme/bulk/compare?from=1.0.0&to=1.0.1&lang=en";
    const { html } = await page(compared);
    expect(html).toContain("memoryMb: 256");
    expect(html).not.toContain("Nothing changes");
    expect(html).not.toContain("Another publisher");
    const globex = await createAccount("globex");
    await env.DB.prepare(
      "UPDATE versions SET publisher_key_id = ? WHERE plugin = '@acme/bulk' AND version = '1.0.1'",
    )
      .bind(globex.key.keyId)
      .run();
    const moved = await page(compared);
    expect(moved.html).toMatch(/signed this version: globex, before it was acme\.[^]*memoryMb/);
    expect(moved.html).toContain("Another key signed this version.");
  });

  test.each(["from=9.9.9&to=2.0.0", "from=x&to=%22%3E%3Cscript%3E", "from=", "to=2.0.0"])(
    "of ?%s asks again, or shows what there is",
    async (query) => {
      const { status, html } = await page(`${PATH}/compare?${query}`);
      expect(status).toBe(200);
      expect(html).not.toContain("<script>");
    },
  );
});

test.each([...PAGES, "/ratings", "/report"])(
  "headings of %s go down one level at a time",
  async (path) => {
    const { html } = await page(`${PATH}${path}?lang=en`);
    const levels = [...html.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    for (const [at, level] of levels.entries()) {
      expect(level).toBeLessThanOrEqual((levels[at - 1] ?? 0) + 1);
    }
  },
);

test("a wide table can be reached by the keyboard", async () => {
  const { html } = await page(`${PATH}/changelog?lang=en`);
  expect(html).toContain('<div class="prose" tabindex="0" role="group" aria-label="What changed">');
  expect((await page(`${PATH}?lang=en`)).html).not.toContain("tabindex");
});

test("the changelog is a page, also where there is none", async () => {
  expect((await page(`${PATH}/changelog?lang=en`)).html).toContain("<p>Faster</p>");
  const none = await page("/plugins/@acme/bulk/changelog?lang=en");
  expect(none.html).toContain("has no changelog");
});

test("who needs the plugin is a page, also where nobody does", async () => {
  expect((await page(`${PATH}/dependents?lang=en`)).html).toContain("@acme/bulk");
  expect((await page("/plugins/@acme/bulk/dependents?lang=en")).html).toContain("No public plugin");
  expect((await page(`${PATH}/dependents?cursor=made-up`)).status).toBe(400);
});

test("many versions come in pages, each once", async () => {
  const key = "index/@acme/bulk.json";
  const stored = await env.BUNDLES.get(key);
  const document = pluginDocumentSchema.parse(await stored?.json());
  const [template] = document.versions;
  const numbers = Array.from({ length: 120 }, (_, at) => `1.${119 - at}.0`);
  const versions = numbers.map((version) => ({ ...template, version }));
  await env.BUNDLES.put(key, JSON.stringify({ ...document, versions }));
  const seen: string[] = [];
  for (let path: string | null = "/plugins/@acme/bulk/versions?lang=en"; path !== null;) {
    const { html } = await page(path);
    seen.push(...[...html.matchAll(/<h3>(1\.\d+\.0)/g)].map((match) => match[1] ?? ""));
    path =
      /class="button" href="([^"]*after=[^"]*)"/.exec(html)?.[1]?.replaceAll("&amp;", "&") ?? null;
  }
  expect(seen).toEqual(numbers);
});

test.each(PAGES)("a plugin's page%s is as visible as the plugin", async (part) => {
  expect((await page(`/plugins/@acme/secret${part}`)).status).toBe(404);
  expect((await page(`/plugins/@acme/nothing${part}`)).status).toBe(404);
  const veiled = await page(`/plugins/@acme/veiled${part}?lang=en`);
  expect(veiled.status).toBe(200);
  expect(veiled.html).toContain('content="noindex"');
});

test.each(PAGES)("a plugin's page%s has no style or handler of its own", async (part) => {
  const { html, response } = await page(`${PATH}${part}?lang=de`);
  expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=/);
  expect(response.headers.get("Content-Security-Policy")).toContain("frame-ancestors 'none'");
});
