import { isSignatureEntry } from "./bundle-profile.ts";
import { base64, sha256, sha256Hex, utf8 } from "./encoding.ts";

/**
 * Digest of a bundle's content, independent of compression: Go's dirhash `Hash1` over every file
 * outside `signatures/`. `h1:` and the base64 SHA-256 of the lines `hex(sha256)  path\n`, sorted.
 */
export async function treeDigest(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const covered = [...files]
    .filter(([name]) => !isSignatureEntry(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = await Promise.all(
    covered.map(async ([name, content]) => `${await sha256Hex(content)}  ${name}\n`),
  );
  return `h1:${base64(await sha256(utf8(lines.join(""))))}`;
}
