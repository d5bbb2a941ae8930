import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page, Route } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PluginHost } from "../../host-sdk/host.ts";
import { openHost } from "../../host-sdk/testing/host-fixture.ts";
import { seedCatalogue } from "../../workers/search/sample-catalogue.ts";
import { type PublishedMarketplace, startPublishedMarketplace } from "../published-marketplace.ts";
import { expectAccessible, expectUsable, PHONE, tabTo } from "./look-at.ts";
import { findChromium, openBrowser } from "./open-browser.ts";
import { SAMPLE_PLUGIN, writeSamplePlugin } from "./sample-plugin.ts";

const chromium = findChromium();
const where =
  chromium === null ? "Chromium, which is not here (RBSM_CHROMIUM says where)" : "Chromium";

const PLUGIN = `/plugins/${SAMPLE_PLUGIN}`;
const SUNK = "@acme/sunk";
const SEEDED = 60;
const LISTED = SEEDED + 2;
/** Every kind of page that is opened by a link, and the answer's status where it is not 200. */
const PAGES: [path: string, status?: number][] = [
  ["/"],
  ["/?q=invoice"],
  ["/?q=invoice&category=finance&price=free&sort=new"],
  ["/?q=zzzzqqq"],
  [PLUGIN],
  [`${PLUGIN}/versions`],
  [`${PLUGIN}/changelog`],
  [`${PLUGIN}/compare?from=1.0.0&to=1.1.0`],
  [`${PLUGIN}/dependents`],
  [`${PLUGIN}/ratings`],
  [`${PLUGIN}/report`],
  [`/plugins/${SUNK}`],
  ["/offline"],
  ["/nothing", 404],
];
/** Where an application that mounts the plugin host is, for the browser. */
const HOST = "http://host.example";
const ADMIN = { id: "1", name: "Olivia", permissions: "all" } as const;

/** Closes what was opened, in the order of opening. */
const opened: (() => Promise<void>)[] = [];
let market: PublishedMarketplace;
let host: PluginHost;
let browser: Browser;

describe.skipIf(chromium === null)(`in ${where}`, () => {
  beforeAll(async () => {
    const home = await mkdtemp(join(tmpdir(), "rbsm-site-"));
    opened.push(() => rm(home, { recursive: true }));
    market = await startPublishedMarketplace(home);
    opened.push(() => market.worker.harness.close());
    for (const folder of await writeSamplePlugin(home)) await market.cli("deploy", folder);
    await market.publish(SUNK, "1.0.0");
    await market.cli("deprecate", `${SUNK}@1.0.0`, "--reason", "Use @acme/notes");
    const { SEARCH } = await market.worker.marketplace.getEnv();
    await seedCatalogue(SEARCH, SEEDED);
    const root = await readFile(market.rootFile);
    host = await openHost({ url: market.url, root, dataDir: join(home, "host"), updateCheckMs: 0 });
    opened.push(() => host.close());
    await host.install(SAMPLE_PLUGIN, { grant: "requested" });
    browser = await openBrowser(chromium ?? "");
    opened.push(() => browser.close());
  });
  afterAll(async () => {
    for (const close of opened.toReversed()) await close();
  });

  async function inPage<T>(
    options: { colorScheme?: "light" | "dark"; viewport?: typeof PHONE },
    use: (page: Page) => Promise<T>,
  ): Promise<T> {
    const page = await browser.newPage(options);
    try {
      await page.route(`${HOST}/**`, answerAsHost);
      return await use(page);
    } finally {
      await page.close();
    }
  }

  async function answerAsHost(route: Route): Promise<void> {
    const sent = route.request();
    const body = sent.postDataBuffer();
    const request = new Request(sent.url(), {
      method: sent.method(),
      headers: await sent.allHeaders(),
      ...(body === null ? {} : { body: new Uint8Array(body) }),
    });
    const answer = await host.handle(request, { actor: ADMIN, base: "" });
    const headers = Object.fromEntries(answer.headers);
    await route.fulfill({ status: answer.status, headers, body: await answer.text() });
  }

  async function open(path: string, lang: "en" | "de", status = 200): Promise<void> {
    const colorScheme = lang === "en" ? "light" : "dark";
    await inPage({ colorScheme, viewport: PHONE }, async (page) => {
      const url = new URL(path, market.url);
      url.searchParams.set("lang", lang);
      await expectUsable(page, url.href, status);
    });
  }

  test.each(PAGES)("everybody can use %s on a phone", (path, status) => open(path, "en", status));

  test.each(["/?q=invoice&category=finance&price=free&sort=new", PLUGIN, `${PLUGIN}/report`])(
    "everybody can use %s on a phone, in German and in dark colours",
    (path) => open(path, "de"),
  );

  test.each(["en", "de"] as const)("everybody can use the host's page on a phone: %s", (lang) =>
    open(HOST, lang),
  );

  test("a plugin is reported, and everybody can use the answer", () =>
    inPage({ viewport: PHONE }, async (page) => {
      await page.goto(`${market.url}${PLUGIN}/report?lang=en`);
      await page.locator("select[name=reason]").selectOption({ index: 1 });
      await page.locator("textarea").fill("It sends mail to strangers");
      await Promise.all([page.waitForEvent("load"), page.locator("main button").click()]);
      await expectAccessible(page);
      expect(await page.locator("main").textContent()).toContain("Thank you");
    }));

  test("a plugin is looked for and opened with the keyboard alone", () =>
    inPage({}, async (page) => {
      await page.goto(`${market.url}/?lang=en`);
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.getAttribute('href')")).toBe("#content");
      await tabTo(page, "input[name=q]");
      await page.keyboard.type("notizn");
      await page.keyboard.press("Enter");
      await page.waitForURL(/[?&]q=notizn/);
      await tabTo(page, `a[href^="${PLUGIN}"]`);
      await page.keyboard.press("Enter");
      await page.waitForURL(`**${PLUGIN}*`);
      expect(await page.title()).toContain("Notes for customers");
    }));

  test("a method of a plugin is called on the host's page with the keyboard alone", () =>
    inPage({}, async (page) => {
      await page.goto(`${HOST}/?lang=en`);
      await tabTo(page, "input[name=method]");
      await page.keyboard.type("add");
      await tabTo(page, "input[name=args]");
      await page.keyboard.press("ControlOrMeta+A");
      await page.keyboard.type("[2, 40]");
      await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
      expect(await page.locator("pre").first().textContent()).toContain("42");
    }));

  test("all plugins are seen once by walking on, and the same ones by walking back", () =>
    inPage({}, async (page) => {
      await page.goto(`${market.url}/?lang=en&sort=name`);
      const seen = [await listed(page)];
      while ((await page.locator("a[rel=next]").count()) > 0) {
        await page.locator("a[rel=next]").click();
        await page.waitForLoadState();
        seen.push(await listed(page));
      }
      expect(seen.length).toBeGreaterThan(2);
      expect(new Set(seen.flat()).size).toBe(LISTED);
      expect(seen.flat()).toHaveLength(LISTED);
      for (const before of seen.slice(0, -1).toReversed()) {
        await page.locator("a[rel=prev]").click();
        await page.waitForLoadState();
        expect(await listed(page)).toEqual(before);
      }
    }));

  function listed(page: Page): Promise<string[]> {
    return page
      .locator("main a[href^='/plugins/@']")
      .evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""));
  }
});
