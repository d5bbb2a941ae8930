import axe from "axe-core";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { z } from "zod";

/** The narrowest screen on which nothing may stick out (WCAG 2.2, 1.4.10). */
export const PHONE = { width: 320, height: 640 };

/** Opens a page on a phone and expects that everybody can use it, and that it loads nothing from elsewhere. */
export async function expectUsable(page: Page, url: string, status: number): Promise<void> {
  const { origin } = new URL(url);
  const elsewhere: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`)) elsewhere.push(request.url());
  });
  page.on("console", (message) => complaints.push(message.text()));
  const answer = await page.goto(url);
  expect(answer?.status()).toBe(status);
  expect(await violations(page)).toEqual([]);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(PHONE.width);
  expect(elsewhere).toEqual([]);
  // Chromium says itself that a page is an error.
  expect(complaints).toHaveLength(status === 200 ? 0 : 1);
}

const found = z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) }));

/** What axe finds wrong with a page; it has to have looked at something. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const results = z
    .object({ violations: found, passes: found })
    .parse(await page.evaluate("axe.run()"));
  expect(results.passes.length).toBeGreaterThan(10);
  return results.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

/** Presses Tab until an element has the focus. */
export async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 100; presses++) {
    await page.keyboard.press("Tab");
    const isThere = `document.activeElement.matches(${JSON.stringify(selector)})`;
    if (await page.evaluate(isThere)) return;
  }
  throw new Error(`The keyboard does not reach ${selector}`);
}
