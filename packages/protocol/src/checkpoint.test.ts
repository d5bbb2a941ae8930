import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { base64, concatBytes, sha256, utf8 } from "./encoding.ts";
import { openCheckpoint, openCosignedCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { signingKeyFromSeed, type SigningKey } from "./keys.ts";
import { signNote, type NoteKey } from "./signed-note.ts";

const refused = expect.objectContaining({ name: "RbsmError", code: "trust_log_invalid" });

const logKey = await signingKeyFromSeed(new Uint8Array(32).fill(1));
const witnessKey = await signingKeyFromSeed(new Uint8Array(32).fill(2));
const mirrorKey = await signingKeyFromSeed(new Uint8Array(32).fill(3));

const origin = "log.example/plugins";
const log: NoteKey = { name: origin, publicKey: logKey.publicKey };
const witness: NoteKey = { name: "witness.example/1", publicKey: witnessKey.publicKey };
const mirror: NoteKey = { name: "mirror.example", publicKey: mirrorKey.publicKey };

const root = await sha256(utf8("a tree"));
const checkpoint = { origin, size: 42, root };
const ROOT = base64(root);

/** The note with a cosignature of type 0x04 (c2sp.org/tlog-cosignature). */
async function cosign(note: string, key: SigningKey, name: string): Promise<string> {
  const text = note.slice(0, note.indexOf("\n\n") + 1);
  const stamp = Uint8Array.of(0, 0, 0, 0, 105, 0, 0, 1);
  const signed = await key.sign(utf8(`cosignature/v1\ntime ${105 * 2 ** 24 + 1}\n${text}`));
  const material = concatBytes(utf8(`${name}\n`), Uint8Array.of(4), key.publicKey);
  const id = (await sha256(material)).subarray(0, 4);
  return `${note}— ${name} ${base64(concatBytes(id, stamp, signed))}\n`;
}

/** Signed by the log, whatever it says. */
const noteOf = (text: string) => signNote(text, origin, logKey);

test("a checkpoint has one form, which opens", async () => {
  const note = await signCheckpoint(checkpoint, logKey);
  expect(note).toMatch(new RegExp(`^log.example/plugins\n42\n${RegExp.escape(ROOT)}\n\n— log`));
  expect(await signCheckpoint(checkpoint, logKey)).toBe(note);
  expect(await openCheckpoint(note, [log])).toEqual({ ...checkpoint, note, cosignedBy: [] });
  expect(await openCheckpoint(utf8(note), [log])).toEqual(await openCheckpoint(note, [log]));
});

test("every checkpoint that is signed opens as what it was", async () => {
  const checkpoints = fc.record({
    origin: fc.stringMatching(/^[!-*,-~äλ]{1,40}$/),
    size: fc.nat(Number.MAX_SAFE_INTEGER),
    root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  });
  await fc.assert(
    fc.asyncProperty(checkpoints, async (one) => {
      const hash = new Uint8Array(one.root);
      const note = await signCheckpoint({ ...one, root: hash }, logKey);
      const key = { name: one.origin, publicKey: logKey.publicKey };
      expect(await openCheckpoint(note, [key])).toMatchObject({ ...one, root: hash });
    }),
    { numRuns: 60 },
  );
});

test.each([
  ["a size beyond 2^53", { size: 2 ** 53 }],
  ["half a size", { size: 0.5 }],
  ["a negative size", { size: -1 }],
  ["a size without digits", { size: 1e21 }],
  ["a root of 31 bytes", { root: new Uint8Array(31) }],
  ["a root of 33 bytes", { root: new Uint8Array(33) }],
  ["no origin", { origin: "" }],
  ["a space in the origin", { origin: "a b" }],
  ["a plus in the origin", { origin: "a+b" }],
  ["a second line in the origin", { origin: `a\n42\n${ROOT}` }],
])("no log signs %s", async (_, change) => {
  await expect(signCheckpoint({ ...checkpoint, ...change }, logKey)).rejects.toEqual(refused);
});

test.each([
  ["no size", `${origin}\n`],
  ["no root", `${origin}\n42\n`],
  ["a size with a leading zero", `${origin}\n042\n${ROOT}\n`],
  ["a size of two zeroes", `${origin}\n00\n${ROOT}\n`],
  ["a negative size", `${origin}\n-42\n${ROOT}\n`],
  ["a size with a plus", `${origin}\n+42\n${ROOT}\n`],
  ["a size in hexadecimal", `${origin}\n0x2a\n${ROOT}\n`],
  ["a size with a space", `${origin}\n42 \n${ROOT}\n`],
  ["a size of 2^53", `${origin}\n9007199254740992\n${ROOT}\n`],
  ["a size of seventeen digits", `${origin}\n10000000000000000\n${ROOT}\n`],
  ["a root of 31 bytes", `${origin}\n42\n${base64(root.subarray(0, 31))}\n`],
  ["a root of 33 bytes", `${origin}\n42\n${base64(concatBytes(root, root.subarray(0, 1)))}\n`],
  ["a root in base64url", `${origin}\n42\n${"_".repeat(43)}=\n`],
  ["a root with unused bits", `${origin}\n42\n${"A".repeat(42)}B=\n`],
  ["a root without padding", `${origin}\n42\n${ROOT.slice(0, 43)}\n`],
  ["an empty line after the root", `${origin}\n42\n${ROOT}\n\nextension\n`],
  ["an empty origin", `\n42\n${ROOT}\n`],
  ["the lines in another order", `42\n${origin}\n${ROOT}\n`],
])("a note with %s is no checkpoint, although its log signed it", async (_, text) => {
  await expect(openCheckpoint(await noteOf(text), [log])).rejects.toEqual(refused);
  await expect(openCosignedCheckpoint(await noteOf(text), [log])).rejects.toEqual(refused);
});

test("lines after the root are signed and passed over", async () => {
  const note = await noteOf(`${origin}\n42\n${ROOT}\nextension 1\nextension 2\n`);
  expect(await openCheckpoint(note, [log])).toMatchObject(checkpoint);
  await expect(openCheckpoint(note.replace("sion 1", "sion 3"), [log])).rejects.toEqual(refused);
});

test("a size is a plain number: 0 and 2^53 - 1 are, and nothing is rounded", async () => {
  for (const size of [0, 1, Number.MAX_SAFE_INTEGER]) {
    const note = await signCheckpoint({ ...checkpoint, size }, logKey);
    expect((await openCheckpoint(note, [log])).size).toBe(size);
  }
});

describe("openCheckpoint() takes the log's signature alone", () => {
  test("of the key that the origin names", async () => {
    const note = await signCheckpoint(checkpoint, logKey);
    const stranger = { name: origin, publicKey: mirrorKey.publicKey };
    const renamed = { name: "other.example", publicKey: logKey.publicKey };
    await expect(openCheckpoint(note, [])).rejects.toEqual(refused);
    await expect(openCheckpoint(note, [stranger])).rejects.toEqual(refused);
    await expect(openCheckpoint(note, [renamed])).rejects.toEqual(refused);
    await expect(openCheckpoint(note, [stranger, renamed, log])).resolves.toMatchObject(checkpoint);
  });

  test("and not that of another trusted log", async () => {
    const elsewhere = { name: "other.example", publicKey: mirrorKey.publicKey };
    const note = await signNote(`${origin}\n42\n${ROOT}\n`, elsewhere.name, mirrorKey);
    await expect(openCheckpoint(note, [log, elsewhere])).rejects.toEqual(refused);
  });

  test("never a cosignature, even by the log's own key", async () => {
    const unsigned = `${origin}\n42\n${ROOT}\n\n`;
    const note = await cosign(unsigned, logKey, origin);
    await expect(openCheckpoint(note, [log], [log])).rejects.toEqual(refused);
    expect((await openCosignedCheckpoint(note, [log])).cosignedBy).toEqual([origin]);
  });
});

describe("cosigners", () => {
  test("that signed are named, others are passed over", async () => {
    const signed = await signCheckpoint(checkpoint, logKey);
    const note = await cosign(await cosign(signed, witnessKey, witness.name), mirrorKey, "unknown");
    const opened = await openCheckpoint(note, [log], [mirror, witness, witness]);
    expect(opened.cosignedBy).toEqual([witness.name]);
    expect((await openCheckpoint(note, [log])).cosignedBy).toEqual([]);
  });

  test("that signed something else refuse the note", async () => {
    const signed = await signCheckpoint(checkpoint, logKey);
    const elsewhere = await signCheckpoint({ ...checkpoint, size: 43 }, logKey);
    const cosigned = await cosign(elsewhere, witnessKey, witness.name);
    const note = signed + cosigned.slice(elsewhere.length);
    await expect(openCheckpoint(note, [log], [witness])).rejects.toEqual(refused);
    await expect(openCheckpoint(note, [log], [mirror])).resolves.toMatchObject(checkpoint);
  });

  test("alone carry a checkpoint of a log whose key is not known", async () => {
    const note = await cosign(`${origin}\n42\n${ROOT}\n\n`, mirrorKey, mirror.name);
    const opened = await openCosignedCheckpoint(note, [witness, mirror]);
    expect(opened).toEqual({ ...checkpoint, note, cosignedBy: [mirror.name] });
    await expect(openCosignedCheckpoint(note, [witness])).rejects.toEqual(refused);
    await expect(openCosignedCheckpoint(note, [])).rejects.toEqual(refused);
    await expect(openCheckpoint(note, [log], [mirror])).rejects.toEqual(refused);
  });
});

test("a checkpoint of which any byte is another is refused", async () => {
  const bytes = utf8(await signCheckpoint(checkpoint, logKey));
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.with(at, (bytes[at] ?? 0) ^ 1);
    await expect(openCheckpoint(changed, [log]), `byte ${at}`).rejects.toEqual(refused);
  }
});
