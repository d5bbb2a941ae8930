import { createHash } from "node:crypto";
import { pluginPageSchema, versionInfoSchema } from "@rising-bsm/protocol";
import { expect } from "vitest";
import { z } from "zod";
import type { Place } from "./start-process.ts";

const Installed = z.object({
  data: z.array(z.object({ name: z.string(), state: z.string() })),
});

async function readJson<T>(url: string, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(await (await fetch(url)).json());
}

/** Every listed plugin's bytes are there with the listed digest; paid ones only against a signed URL. */
export async function expectListedIsDownloadable(place: Place): Promise<number> {
  const url = `http://127.0.0.1:${place.marketplacePort}`;
  const { items } = await readJson(`${url}/v1/plugins?limit=100`, pluginPageSchema);
  for (const { name, version, price } of items) {
    const info = await readJson(`${url}/v1/plugins/${name}/versions/${version}`, versionInfoSchema);
    const answer = await fetch(new URL(info.bundle, url));
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (price !== null) {
      expect(answer.status, name).toBe(403);
      continue;
    }
    expect(createHash("sha256").update(bytes).digest("hex"), name).toBe(info.sha256);
    expect(bytes.length, name).toBe(info.size);
  }
  return items.length;
}

/** Names of what the host holds; everything is active. */
export async function expectInstalledIsActive(place: Place): Promise<string[]> {
  const { data } = await readJson(`http://127.0.0.1:${place.hostPort}/api/plugins`, Installed);
  for (const plugin of data) expect(plugin.state, plugin.name).toBe("active");
  return data.map(({ name }) => name);
}
