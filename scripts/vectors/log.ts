import {
  base64,
  concatBytes,
  consistencyProof,
  encodeEntries,
  encodeLogEntry,
  entriesPath,
  formatTlogProof,
  formatVerifierKey,
  type Hash,
  hex,
  inclusionProof,
  leafHash,
  type LogEntry,
  newTiles,
  nodeHash,
  sha256Hex,
  signCheckpoint,
  tilePath,
  treeRoot,
  utf8,
  utf8Decode,
} from "../../packages/protocol/src/index.ts";
import { keyOf } from "./seeds.ts";

const ORIGIN = "log.example/vectors";
const SIZE = 300;
const at = "2026-01-02T03:04:05Z";

/** Entry `index` of the tree: releases of one plugin. */
async function entryAt(index: number): Promise<Uint8Array> {
  const statement = await sha256Hex(utf8(`statement ${index}`));
  const version = `1.0.${index}`;
  return encodeLogEntry({ type: "release", plugin: "@acme/hello", version, statement });
}

function oneOfEach(digest: string, publicKey: string): LogEntry[] {
  const release = { plugin: "@acme/hello", version: "1.2.3" };
  const key = { publisher: "acme", keyId: digest };
  return [
    { type: "release", ...release, statement: digest },
    { type: "yank", ...release, yanked: true, at },
    { type: "deprecate", ...release, deprecated: false, at },
    { type: "remove", plugin: "@acme/hello", at },
    { type: "owner", scope: "@acme", from: null, to: "acme", at },
    { type: "key-add", ...key, publicKey, recovery: digest, statement: null, at },
    { type: "key-revoke", ...key, fromIndex: 41, statement: digest, at },
    { type: "root", version: 2, sha256: digest, at },
    { type: "revocations", sha256: digest, at },
  ];
}

/** Vectors of docs/spec/log.md. */
export async function logVectors() {
  const { key, shown } = await keyOf(1);
  const entries = await Promise.all(Array.from({ length: SIZE }, (_, index) => entryAt(index)));
  const leaves = await Promise.all(entries.map(leafHash));
  const read = (level: number, index: number): Promise<Hash> => readHash(leaves, level, index);
  const root = await treeRoot(read, SIZE);
  const checkpoint = await signCheckpoint({ origin: ORIGIN, size: SIZE, root }, key);
  const proof = formatTlogProof({
    index: 7,
    hashes: await inclusionProof(read, 7, SIZE),
    checkpoint,
  });
  const sizes = [1, 2, 3, 7, 255, 256, 257, SIZE];
  return {
    key: {
      ...shown,
      name: ORIGIN,
      verifierKey: await formatVerifierKey({
        name: ORIGIN,
        publicKey: key.publicKey,
        role: "log",
      }),
    },
    entries: await Promise.all(oneOfEach("ab".repeat(32), "A".repeat(43)).map(spelling)),
    tree: {
      entries: {
        0: utf8Decode(entries[0] ?? utf8("")),
        [SIZE - 1]: utf8Decode(entries[SIZE - 1] ?? utf8("")),
      },
      roots: await Promise.all(
        [0, ...sizes].map(async (size) => ({ size, root: hex(await treeRoot(read, size)) })),
      ),
      files: await fileDigests(entries, read),
    },
    consistency: await Promise.all(
      sizes.map(async (size) => ({
        first: size,
        second: SIZE,
        proof: (await consistencyProof(read, size, SIZE)).map(base64),
      })),
    ),
    checkpoint,
    proof: { entry: utf8Decode(entries[7] ?? utf8("")), text: proof },
    refusedCheckpoints: refusedCheckpoints(checkpoint),
    refusedProofs: refusedProofs(proof),
  };
}

async function readHash(leaves: readonly Hash[], level: number, index: number): Promise<Hash> {
  const leaf = leaves[index];
  if (level === 0 && leaf !== undefined) return leaf;
  const [left, right] = [2 * index, 2 * index + 1];
  return nodeHash(
    await readHash(leaves, level - 1, left),
    await readHash(leaves, level - 1, right),
  );
}

async function spelling(entry: LogEntry) {
  const bytes = encodeLogEntry(entry);
  return { entry: utf8Decode(bytes), leafHash: hex(await leafHash(bytes)) };
}

/** SHA-256 of every file of the tree below `/log/`. */
async function fileDigests(
  entries: readonly Uint8Array[],
  read: (level: number, index: number) => Promise<Hash>,
): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const tile of newTiles(0, SIZE)) {
    const { level, index, width } = tile;
    const hashes = Array.from({ length: width }, (_, at) => read(8 * level, 256 * index + at));
    files[tilePath(tile)] = await sha256Hex(concatBytes(...(await Promise.all(hashes))));
    if (level > 0) continue;
    const bundle = encodeEntries(entries.slice(256 * index, 256 * index + width));
    files[entriesPath(index, width)] = await sha256Hex(bundle);
  }
  return files;
}

/** Notes that a reader who knows the key refuses. */
function refusedCheckpoints(note: string) {
  const signature = note.slice(note.indexOf("— "));
  return [
    { name: "another size", note: note.replace("\n300\n", "\n301\n") },
    { name: "a leading zero", note: note.replace("\n300\n", "\n0300\n") },
    { name: "carriage returns", note: note.replaceAll("\n", "\r\n") },
    { name: "no line feed at the end", note: note.slice(0, -1) },
    { name: "no signature", note: note.slice(0, -signature.length) },
    { name: "a hyphen for the dash", note: note.replace("—", "-") },
    { name: "another origin", note: note.replace(/^log/, "bog") },
    { name: "a line that is no signature", note: `${note}— ${ORIGIN}\n` },
    {
      name: "a second signature of the key that does not verify",
      note: note + signature.replace(/.{8}\n$/, "AAAAAAA=\n"),
    },
  ];
}

/** Proofs that a reader who knows the key refuses for the entry. */
function refusedProofs(text: string) {
  const [hash = ""] = /^.{43}=$/m.exec(text) ?? [];
  return [
    { name: "another index", text: text.replace("index 7", "index 6") },
    { name: "a leading zero", text: text.replace("index 7", "index 07") },
    { name: "a hash too few", text: text.replace(`${hash}\n`, "") },
    { name: "a hash too many", text: text.replace(hash, `${hash}\n${hash}`) },
    { name: "another version", text: text.replace("@v1", "@v2") },
    { name: "base64 with unused bits", text: text.replace(hash, `${"A".repeat(42)}B=`) },
  ];
}
