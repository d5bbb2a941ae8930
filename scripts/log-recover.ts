/**
 * `npm run log-recover -- --url https://plugins.example.com`: brings a database that was restored to an
 * earlier point up to what the marketplace has published since. A person runs it when the marketplace
 * answers `log_ahead`; docs/runbook.md says when. The administrator's token comes from ADMIN_TOKEN.
 * Stopped halfway it is simply run again. Exits with 1 when a release is lost.
 */
import { parseArgs } from "node:util";
import { z } from "zod";
import { askMarketplace } from "./ask-marketplace.ts";

const step = z.object({ step: z.enum(["verify", "restore", "finish"]), from: z.int() });
const progressSchema = z.object({
  size: z.int(),
  next: step.nullable(),
  lost: z.array(z.object({ plugin: z.string(), version: z.string(), reason: z.string() })),
});
type Step = z.output<typeof step>;
type Lost = z.output<typeof progressSchema>["lost"];

const { values } = parseArgs({
  options: { url: { type: "string" }, json: { type: "boolean", default: false } },
});
const token = process.env["ADMIN_TOKEN"];
if (values.url === undefined || token === undefined) {
  console.error("Usage: ADMIN_TOKEN=… npm run log-recover -- --url URL [--json]");
  process.exit(2);
}
const marketplace = { url: values.url, token, path: "/v1/log/recover" };

function send(body: Step): Promise<z.output<typeof progressSchema>> {
  return askMarketplace({ ...marketplace, body, answer: progressSchema });
}

const lost: Lost = [];
let size = 0;
let next: Step | null = { step: "verify", from: 0 };
while (next !== null) {
  if (!values.json) console.log(`${next.step}: entry ${next.from}${size > 0 ? ` of ${size}` : ""}`);
  const progress: z.output<typeof progressSchema> = await send(next);
  lost.push(...progress.lost);
  ({ size, next } = progress);
}
if (values.json) console.log(JSON.stringify({ size, lost, ok: lost.length === 0 }));
else {
  for (const { plugin, version, reason } of lost) {
    console.log(`lost: ${plugin}@${version}, because ${reason}. Publish the next version instead.`);
  }
  console.log(`The database is in step with the log of ${size} entries.`);
}
process.exit(lost.length === 0 ? 0 : 1);
