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
  await expectAccessible(page);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(PHONE.width);
  expect(elsewhere).toEqual([]);
  // Chromium says itself that a page is an error.
  const expected = `Failed to load resource: the server responded with a status of ${status}`;
  expect(complaints.filter((text) => status === 200 || !text.startsWith(expected))).toEqual([]);
}

const found = z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) }));
const resultsSchema = z.object({ violations: found, incomplete: found, passes: found });

/** Expects that axe finds nothing wrong with the page, what is folded away in it included. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true");
  await page.evaluate(axe.source);
  const { violations, incomplete, passes } = resultsSchema.parse(await page.evaluate("axe.run()"));
  // It has to have looked at something.
  expect(passes.length).toBeGreaterThan(10);
  const wrong = [...violations, ...incomplete].flatMap(({ id, nodes }) =>
    nodes.map(({ html }) => `${id}: ${html}`),
  );
  // Of a sign axe cannot tell whether it has to be read.
  expect(wrong.filter((each) => !each.includes('aria-hidden="true"'))).toEqual([]);
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
