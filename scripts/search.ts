/**
 * `npm run search -- check|rebuild --url https://plugins.example.com [--continue] [--json]`: holds what
 * search finds against the marketplace's database, or has it made again while search goes on; with
 * --continue a rebuild that is under way. The administrator's token comes from ADMIN_TOKEN. Exits with 1 when something differs or could not be done, 2 on wrong usage.
 */
import { parseArgs } from "node:util";
import { searchCheckResultSchema, searchRebuildResultSchema } from "@rising-bsm/protocol";
import type { SearchFinding } from "@rising-bsm/protocol";
import type { z } from "zod";
import { askMarketplace } from "./ask-marketplace.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: "string" },
    continue: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const { url, json } = values;
const token = process.env["ADMIN_TOKEN"];
const commands = { check, rebuild };
const run = Object.entries(commands).find(([name]) => name === positionals[0])?.[1];
if (url === undefined || token === undefined || run === undefined || positionals.length !== 1) {
  console.error(
    "Usage: ADMIN_TOKEN=… npm run search -- check|rebuild --url URL [--continue] [--json]",
  );
  process.exit(2);
}
const marketplace = { url, token };
process.exit((await run()) ? 0 : 1);

async function check(): Promise<boolean> {
  const findings: SearchFinding[] = [];
  let checked = 0;
  let cursor: string | null = null;
  do {
    const body: { cursor?: string } = cursor === null ? {} : { cursor };
    const part: z.output<typeof searchCheckResultSchema> = await askMarketplace({
      ...marketplace,
      path: "/v1/search/check",
      body,
      answer: searchCheckResultSchema,
    });
    checked += part.checked;
    findings.push(...part.findings);
    cursor = part.nextCursor;
    for (const { kind, subject, message } of part.findings) {
      if (!json) console.log(`${kind}: ${subject}: ${message}`);
    }
    if (!json && cursor !== null) console.log(`${checked} checked so far, at ${cursor}`);
  } while (cursor !== null);
  if (json) console.log(JSON.stringify({ checked, findings, ok: findings.length === 0 }));
  else console.log(`${checked} checked: ${findings.length} findings`);
  return findings.length === 0;
}

async function rebuild(): Promise<boolean> {
  for (let start = !values.continue; ; start = false) {
    const state = await askMarketplace({
      ...marketplace,
      path: "/v1/search/rebuild",
      body: { start },
      answer: searchRebuildResultSchema,
    });
    if (state.isDone) {
      console.log(
        json ? JSON.stringify({ ...state, ok: true }) : `Rebuild ${state.generation} is done`,
      );
      return true;
    }
    if (!json) console.log(`Rebuild ${state.generation} is at ${state.rebuiltTo}`);
  }
}
