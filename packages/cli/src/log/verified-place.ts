import { join } from "node:path";
import { base64, fromBase64 } from "@rising-bsm/protocol";
import { jsonField, textField } from "../json-field.ts";
import { damaged, readStateFile } from "../state-file.ts";
import { writeFileAtomic } from "../write-file.ts";

/** A log up to a size, computed from its entries. */
export interface VerifiedPlace {
  readonly size: number;
  readonly root: Uint8Array;
}

/** How far the log was verified last time; null before the first time. */
export async function readVerifiedPlace(stateDir: string): Promise<VerifiedPlace | null> {
  const file = fileIn(stateDir);
  const stored = await readStateFile(file);
  if (stored === undefined) return null;
  const [size, root] = [jsonField(stored, "size"), textField(stored, "root")];
  if (typeof size !== "number" || !Number.isSafeInteger(size) || root === undefined)
    throw damaged(file);
  return { size, root: fromBase64(root) };
}

/** Remembers it. */
export async function writeVerifiedPlace(
  stateDir: string,
  { size, root }: VerifiedPlace,
): Promise<void> {
  await writeFileAtomic(fileIn(stateDir), `${JSON.stringify({ size, root: base64(root) })}\n`);
}

function fileIn(stateDir: string): string {
  return join(stateDir, "verified.json");
}
