import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where Chromium is: where `RBSM_CHROMIUM` says, or where Linux distributions put it. Null: nowhere. */
export function findChromium(): string | null {
  const { RBSM_CHROMIUM: said = "" } = process.env;
  return said === "" ? (PLACES.find((place) => existsSync(place)) ?? null) : said;
}

/** A headless one that speaks to nobody by itself. */
export function openBrowser(executablePath: string): Promise<Browser> {
  const quiet = ["disable-background-networking", "disable-component-update", "disable-sync"];
  const args = ["no-sandbox", "disable-gpu", ...quiet].map((name) => `--${name}`);
  return chromium.launch({ executablePath, args });
}
