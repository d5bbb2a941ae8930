/**
 * `npm run catalog-check -- --url https://plugins.example.com [--repair] [--json]`: holds everything that
 * the marketplace serves against its database, names each difference, and with --repair has it made
 * again. The administrator's token comes from ADMIN_TOKEN. Exits with 1 while something differs.
 */
import { parseArgs } from "node:util";
import { catalogCheckResultSchema } from "@rising-bsm/protocol";
import type { CatalogCheckResult, CatalogDifference } from "@rising-bsm/protocol";
import { askMarketplace } from "./ask-marketplace.ts";

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    repair: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const { url, repair, json } = values;
const token = process.env["ADMIN_TOKEN"];
if (url === undefined || token === undefined) {
  console.error("Usage: ADMIN_TOKEN=… npm run catalog-check -- --url URL [--repair] [--json]");
  process.exit(2);
}
const marketplace = { url, token, path: "/v1/catalog/check" };

function checkPart(cursor: string | null): Promise<CatalogCheckResult> {
  const body = { repair, ...(cursor === null ? {} : { cursor }) };
  return askMarketplace({ ...marketplace, body, answer: catalogCheckResultSchema });
}

function describe({ kind, subject, message, repaired }: CatalogDifference): string {
  return `${repaired ? "repaired" : "differs"}: ${kind} of ${subject}: ${message}`;
}

const differences: CatalogDifference[] = [];
let checked = 0;
let cursor: string | null = null;
do {
  const part: CatalogCheckResult = await checkPart(cursor);
  checked += part.checked;
  differences.push(...part.differences);
  cursor = part.nextCursor;
  if (json) continue;
  for (const difference of part.differences) console.log(describe(difference));
  if (cursor !== null) console.log(`${checked} checked so far`);
} while (cursor !== null);

const left = differences.filter(({ repaired }) => !repaired).length;
if (json) console.log(JSON.stringify({ checked, differences, ok: left === 0 }));
else if (differences.length === 0) console.log(`${checked} checked: all is as the database says`);
else console.log(`${checked} checked: ${differences.length - left} repaired, ${left} left`);
process.exit(left === 0 ? 0 : 1);
