import { describe, expect, test } from "vitest";
import { concatBytes, hex, sha256Hex, utf8 } from "./encoding.ts";
import { signingKeyFromSeed } from "./keys.ts";
import { packBundle } from "./pack-bundle.ts";
import { readBundle } from "./read-bundle.ts";
import { signBundle } from "./statements.ts";
import { treeDigest } from "./tree-digest.ts";

const manifest = {
  name: "@acme/hello",
  version: "1.0.0",
  main: "index.js",
  permissions: [],
  dependencies: {},
};
const bundleOf = (change: object, extra: [string, string][] = []) =>
  packBundle(
    new Map([
      ["manifest.json", utf8(JSON.stringify({ ...manifest, ...change }))],
      ["index.js", utf8("export default class {}")],
      ...extra.map(([name, text]): [string, Uint8Array] => [name, utf8(text)]),
    ]),
  );

test("the tree digest is the one of Go's dirhash", async () => {
  // printf '%s' a | sha256sum; the lines piped through sha256sum once more.
  const files = new Map([
    ["b/c.txt", utf8("b")],
    ["a.txt", utf8("a")],
  ]);
  const lines = `${await sha256Hex(utf8("a"))}  a.txt\n${await sha256Hex(utf8("b"))}  b/c.txt\n`;
  const digest = await treeDigest(files);
  expect(digest).toMatch(/^h1:[A-Za-z0-9+/]{43}=$/);
  expect(hex(Uint8Array.from(atob(digest.slice(3)), (char) => char.charCodeAt(0)))).toBe(
    await sha256Hex(utf8(lines)),
  );
  expect(await treeDigest(new Map([...files, ["signatures/publisher.pub", utf8("x")]]))).toBe(
    digest,
  );
  expect(await treeDigest(new Map([...files].toReversed()))).toBe(digest);
});

test("readBundle() gives files, manifest and digests at once", async () => {
  const bytes = bundleOf({});
  const bundle = await readBundle(bytes);
  expect(bundle).toMatchObject({
    sha256: await sha256Hex(bytes),
    size: bytes.length,
    manifest: { name: "@acme/hello" },
  });
  expect(bundle.treeDigest).toBe(await treeDigest(bundle.files));
});

describe("readBundle() refuses", () => {
  test("a bundle without a manifest", async () => {
    const bytes = packBundle(new Map([["index.js", utf8("")]]));
    await expect(readBundle(bytes)).rejects.toMatchObject({ code: "manifest_missing" });
  });

  test.each([
    ["main", { main: "missing.js" }],
    ["icon", { icon: "missing.png" }],
    ["readme", { readme: "missing.md" }],
    ["changelog", { changelog: "missing.md" }],
    ["screenshot", { screenshots: ["missing.png"] }],
  ])("a bundle whose %s is missing", async (_, change) => {
    await expect(readBundle(bundleOf(change))).rejects.toMatchObject({
      code: "bundle_missing_entry",
      detail: { entry: expect.stringContaining("missing") },
    });
  });

  test("a signed archive that was packed again in another way", async () => {
    const key = await signingKeyFromSeed(new Uint8Array(32).fill(7));
    const text = "export default class {}\n".repeat(30);
    const { files } = await readBundle(bundleOf({}, [["zz.js", text]]));
    const signed = packBundle(await signBundle(files, key));
    const again = setUnusedDeflateBits(signed, text);
    await expect(readBundle(again)).rejects.toMatchObject({ code: "bundle_digest_mismatch" });
    await expect(readBundle(signed)).resolves.toMatchObject({ manifest: { name: "@acme/hello" } });
  });

  test.each([
    ["no JSON", utf8("{")],
    ["a foreign document", utf8("{}")],
  ])("a publisher envelope that is %s", async (_, envelope) => {
    const bytes = packBundle(
      new Map([
        ["manifest.json", utf8(JSON.stringify(manifest))],
        ["index.js", utf8("")],
        ["signatures/publisher.dsse.json", envelope],
      ]),
    );
    await expect(readBundle(bytes)).rejects.toMatchObject({ code: "signature_invalid" });
  });
});

/** Sets the bits after the end of the last deflate stream, which change no content. */
function setUnusedDeflateBits(bundle: Uint8Array, text: string): Uint8Array {
  const copy = concatBytes(bundle);
  const directory = new DataView(copy.buffer).getUint32(copy.length - 6, true);
  expect(text.length).toBeGreaterThan(0);
  copy[directory - 1] = (copy[directory - 1] ?? 0) ^ 0x80;
  return copy;
}
