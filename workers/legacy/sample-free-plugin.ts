import { z } from "zod";
import { buildBundle, publish } from "../testing.ts";
import type { Account } from "../testing.ts";

/** Publishes a free plugin of the account; answers its bytes. */
export async function publishFree(
  account: Account,
  name: string,
  more: object = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const manifest = {
    name: `${account.scope}/${name}`,
    displayName: { en: "Shared calendar", de: "Geteilter Kalender" },
    description: "Everybody's appointments",
    categories: ["appointments"],
    keywords: ["ical"],
    ...more,
  };
  const bundle = await buildBundle(account.key, manifest);
  const answer = await publish({ name: manifest.name, version: "1.0.0" }, bundle, account);
  if (!answer.ok) throw new Error(await answer.text());
  return bundle;
}

/** A plugin as the old connector reads it. */
export const pluginShape = z.object({
  id: z.string(),
  name: z.string(),
  displayName: z.string(),
  description: z.string(),
  version: z.string(),
  author: z.string(),
  authorId: z.string(),
  category: z.string(),
  tags: z.array(z.string()),
  screenshots: z.array(z.string()),
  pricing: z.record(z.string(), z.number()),
  downloads: z.number(),
  rating: z.number(),
  status: z.string(),
  bundleUrl: z.string().optional(),
  checksum: z.string().optional(),
});
/** A page of them. */
export const pageShape = z.object({ data: z.array(pluginShape), total: z.number() });
