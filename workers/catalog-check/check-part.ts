import { RbsmError } from "@rising-bsm/protocol";
import { checkPlugin } from "./check-plugin.ts";
import type { Check, Found } from "./check-plugin.ts";
import { checkMetadata, checkTargets } from "./check-targets.ts";
import { pageOfPlugins, pageOfTargets } from "./queries.ts";

export interface Part {
  readonly checked: number;
  readonly found: readonly Found[];
  readonly nextCursor: string | null;
}

/**
 * One part of the catalogue: plugins by name, then the targets that list them, and with the last of
 * these the signed files. The cursor names the kind and the last subject of the part before.
 */
export async function checkPart(
  check: Check,
  { cursor = "plugin:", limit }: { cursor?: string | undefined; limit: number },
): Promise<Part> {
  const [, kind, after = ""] = /^(plugin|target):(.*)$/.exec(cursor) ?? [];
  if (kind === "plugin") return checkPlugins(check, after, limit);
  if (kind === "target") return checkListing(check, after, limit);
  throw new RbsmError("request_invalid", "The cursor is not one of this route's");
}

async function checkPlugins(check: Check, after: string, limit: number): Promise<Part> {
  const plugins = await pageOfPlugins(check.db, after, limit);
  const found: Found[] = [];
  for (const plugin of plugins) found.push(...(await checkPlugin(check, plugin)));
  const last = plugins.length < limit ? undefined : plugins.at(-1)?.name;
  const nextCursor = last === undefined ? "target:" : `plugin:${last}`;
  return { checked: plugins.length, found, nextCursor };
}

async function checkListing(check: Check, after: string, limit: number): Promise<Part> {
  const rows = await pageOfTargets(check.db, after, limit);
  const found = await checkTargets(check, rows);
  const last = rows.length < limit ? undefined : rows.at(-1)?.target;
  if (last !== undefined) return { checked: rows.length, found, nextCursor: `target:${last}` };
  const metadata = await checkMetadata(check);
  return {
    checked: rows.length + metadata.checked,
    found: [...found, ...metadata.found],
    nextCursor: null,
  };
}
