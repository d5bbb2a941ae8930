import { fileURLToPath } from "node:url";
import { buildApp } from "./apps/build-app.ts";

/** Builds a plugin under examples/ with the real `rising-bsm build`, unsigned; answers the bundle. */
export async function buildExample(name: string): Promise<{ bundle: Uint8Array }> {
  return buildApp(fileURLToPath(new URL(`../examples/${name}`, import.meta.url)));
}
