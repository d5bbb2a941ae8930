import { createHash, randomBytes } from "node:crypto";
import { inflateRawSync, deflateRawSync } from "node:zlib";
import {
  packBundle,
  readBundle,
  signBundle,
  signingKeyFromSeed,
  utf8,
  verifyPublisher,
} from "@rising-bsm/protocol";
import { percentile, spread, timings, type Figure, report } from "./measure.ts";

/** Source-like text that deflates to about a third, as bundled plugins do. */
function sourceText(bytes: number): Uint8Array {
  const words = [
    "export",
    "function",
    "customer",
    "const",
    "return",
    "await",
    "=>",
    "{",
    "}",
    "(",
    ")",
    ";",
  ];
  let text = "";
  while (text.length < bytes)
    text += `${words[text.length % words.length]} ${randomBytes(6).toString("base64")} `;
  return utf8(text.slice(0, bytes));
}

/** Strict read and verify of a 1 MiB bundle ≤ 2 × (SHA-256 + inflate of the same bytes). */
async function bundleRead(): Promise<Figure[]> {
  const key = await signingKeyFromSeed(randomBytes(32));
  const manifest = {
    name: "@bench/big",
    version: "1.0.0",
    main: "index.js",
    permissions: [],
    dependencies: {},
  };
  const source = sourceText(1_720_000);
  const files = new Map([
    ["index.js", source],
    ["manifest.json", utf8(JSON.stringify(manifest))],
  ]);
  const bytes = packBundle(await signBundle(files, key));
  const raw = deflateRawSync(source, { level: 6 });

  async function verify(): Promise<void> {
    const bundle = await readBundle(bytes);
    await verifyPublisher(
      bundle.files,
      (id) => (id === key.keyId ? key.publicKey : undefined),
      bundle,
    );
  }
  function hashAndInflate(): void {
    createHash("sha256").update(bytes).digest();
    inflateRawSync(raw, { info: true, maxOutputLength: source.length, chunkSize: source.length });
  }
  const ours: number[] = [];
  const base: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    ours.push(...(await timings(verify, 20)));
    base.push(...(await timings(hashAndInflate, 20)));
  }
  const sorted = [ours, base].map((times) => times.toSorted((a, b) => a - b));
  const ratio = percentile(sorted[0] ?? [], 0.5) / percentile(sorted[1] ?? [], 0.5);
  return [
    {
      name: `read and verify a bundle of ${(bytes.length / 2 ** 20).toFixed(2)} MiB`,
      value: spread(sorted[0] ?? []),
      baseline: `SHA-256 + inflate: ${spread(sorted[1] ?? [])}`,
      ratio: `${ratio.toFixed(2)} ×`,
      goal: "≤ 2 ×",
      met: ratio <= 2 ? "yes" : "no",
    },
  ];
}

report(await bundleRead());
