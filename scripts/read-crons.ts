import { readFileSync } from "node:fs";

/** When Cloudflare calls the Worker: the crons of a wrangler.toml. */
export function readCrons(file: string): string[] {
  const [, list = ""] = /^crons = \[(.*)\]$/m.exec(readFileSync(file, "utf8")) ?? [];
  return [...list.matchAll(/"(.+?)"/g)].map(([, cron = ""]) => cron);
}
