import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { base64, concatBytes, fromHex, sha256, utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { signingKeyFromSeed } from "./keys.ts";
import { LOG_LIMITS } from "./limits.ts";
import {
  formatVerifierKey,
  parseNote,
  parseVerifierKey,
  signersOf,
  signNote,
  type NoteKey,
} from "./signed-note.ts";

const refused = expect.objectContaining({ name: "RbsmError", code: "trust_log_invalid" });

const key = await signingKeyFromSeed(new Uint8Array(32).fill(1));
const other = await signingKeyFromSeed(new Uint8Array(32).fill(2));
const NAME = "example.com/log";
const signer: NoteKey = { name: NAME, publicKey: key.publicKey };
const TEXT = "one\n\ntwo\n";
const note = await signNote(TEXT, NAME, key);

/** The key and the note that the Go library's documentation signs. */
const GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

test("the note that Go's library signs verifies for its key", async () => {
  const peter = await parseVerifierKey(GO_KEY);
  expect(peter).toMatchObject({ name: "PeterNeumann", role: "log" });
  expect(await formatVerifierKey(peter)).toBe(GO_KEY);
  expect(await signersOf(parseNote(GO_NOTE), [peter], "log")).toEqual(["PeterNeumann"]);
  const changed = parseNote(GO_NOTE.replace("your problem is", "my problem is"));
  await expect(signersOf(changed, [peter], "log")).rejects.toEqual(refused);
});

test("a text may hold empty lines: the last one ends it", () => {
  expect(parseNote(note)).toMatchObject({ text: TEXT, whole: note });
  expect(parseNote(utf8(note))).toEqual(parseNote(note));
});

const line = (name: string, bytes: Uint8Array) => `— ${name} ${base64(bytes)}\n`;
const sample = new Uint8Array(68).fill(5);

test.each([
  ["nothing", ""],
  ["no empty line", `text\n${line("a", sample)}`],
  ["no signature", "text\n\n"],
  ["no line feed at the end", note.slice(0, -1)],
  ["an empty line among the signatures", `${note}\n${line("a", sample)}x`],
  ["a hyphen for the dash", note.replace("—", "-")],
  ["no space after the dash", note.replace("— ", "—")],
  ["a name with a plus", `text\n\n${line("a+b", sample)}`],
  ["a name with a space", `text\n\n${line("a b", sample)}`],
  ["a name with a no-break space", `text\n\n${line("a\u00a0b", sample)}`],
  ["a name with an ideographic space", `text\n\n${line("a\u3000b", sample)}`],
  ["a name with a next-line character", `text\n\n${line("a\u0085b", sample)}`],
  ["a name of 201 characters", `text\n\n${line("a".repeat(201), sample)}`],
  ["no name", `text\n\n—  ${base64(sample)}\n`],
  ["two spaces", note.replace(`— ${NAME} `, `— ${NAME}  `)],
  ["a space at the end of a line", `${note.slice(0, -1)} \n`],
  ["a carriage return", note.replaceAll("\n", "\r\n")],
  ["a tab in the text", note.replace("one", "o\tne")],
  ["a zero byte in the text", note.replace("one", "o\0ne")],
  ["an escape character in a name", `text\n\n${line("a\u001b[2Jb", sample)}`],
  ["half a surrogate pair", note.replace("one", "\ud800")],
  ["a signature that is not base64", `text\n\n— a ${"!".repeat(92)}\n`],
  ["base64 without padding", `text\n\n— a ${base64(sample).replaceAll("=", "")}\n`],
  ["base64 with unused bits", `text\n\n— a ${base64(sample).replace("U=", "V=")}\n`],
  ["a key id without signature", `text\n\n${line("a", sample.subarray(0, 4))}`],
  ["an empty signature", "text\n\n— a \n"],
])("a note with %s is refused", (_, text) => {
  expect(() => parseNote(text)).toThrow(refused);
});

test("what the tables bend parses as it stands", () => {
  expect(() => parseNote(`text\n\n${line("a", sample)}`)).not.toThrow();
  expect(base64(sample)).toMatch(/U=$/);
  expect(() => parseNote(`text\u007f\n\n${line("a", sample)}`)).not.toThrow();
});

test("bytes that are not UTF-8 are no note", () => {
  expect(() => parseNote(concatBytes(Uint8Array.of(0xff), utf8(note)))).toThrow(refused);
});

test("a note is as long as the limit in bytes and no longer", () => {
  const signature = line("a", sample);
  const room = LOG_LIMITS.noteBytes - utf8(`\n\n${signature}`).length;
  const umlauts = "ä".repeat(room / 2);
  expect(() => parseNote(`${umlauts}\n\n${signature}`)).not.toThrow();
  expect(() => parseNote(`${umlauts}ä\n\n${signature}`)).toThrow(refused);
  expect(() => parseNote(utf8(`${umlauts}ä\n\n${signature}`))).toThrow(refused);
});

test("a note has up to 32 signatures", () => {
  const lines = (count: number) => `text\n\n${line("a", sample).repeat(count)}`;
  expect(parseNote(lines(32)).signatures).toHaveLength(32);
  expect(() => parseNote(lines(33))).toThrow(refused);
});

describe("signatures", () => {
  test("of unknown keys are passed over, also when name or key id is a known key's", async () => {
    const id = fromHex(parseNote(note).signatures[0]?.id ?? "");
    const sameName = line(NAME, sample);
    const sameId = line("another.example", concatBytes(id, new Uint8Array(64).fill(9)));
    const mixed = parseNote(`${note}${sameName}${sameId}`);
    expect(mixed.signatures).toHaveLength(3);
    expect(await signersOf(mixed, [signer], "log")).toEqual([NAME]);
  });

  test("of a known key that do not verify refuse the note, whatever else it holds", async () => {
    const good = note.slice(note.lastIndexOf("— "));
    const forged = good.replace(/.{20}\n$/, `${"A".repeat(19)}=\n`);
    const parsed = parseNote(note + forged);
    expect(parsed.signatures[1]?.id).toBe(parsed.signatures[0]?.id);
    await expect(signersOf(parsed, [signer], "log")).rejects.toEqual(refused);
  });

  test("count once for each name", async () => {
    const good = note.slice(note.lastIndexOf("— "));
    expect(await signersOf(parseNote(note + good), [signer, signer], "log")).toEqual([NAME]);
  });

  test("of a log do not count as those of a cosigner", async () => {
    expect(await signersOf(parseNote(note), [signer], "cosigner")).toEqual([]);
    const stranger = { name: NAME, publicKey: other.publicKey };
    expect(await signersOf(parseNote(note), [stranger], "log")).toEqual([]);
  });
});

describe("a cosignature", () => {
  async function cosigned(time: bigint, signedTime = time): Promise<string> {
    const material = concatBytes(utf8("w.example\n"), Uint8Array.of(4), other.publicKey);
    const id = (await sha256(material)).subarray(0, 4);
    const stamp = new Uint8Array(8);
    new DataView(stamp.buffer).setBigUint64(0, time);
    const message = utf8(`cosignature/v1\ntime ${signedTime}\n${TEXT}`);
    return `${note}${line("w.example", concatBytes(id, stamp, await other.sign(message)))}`;
  }
  const cosigner = { name: "w.example", publicKey: other.publicKey };

  test.each([0n, 1_767_139_200n, 2n ** 63n - 1n])("of second %i verifies", async (time) => {
    const parsed = parseNote(await cosigned(time));
    expect(await signersOf(parsed, [cosigner], "cosigner")).toEqual(["w.example"]);
    expect(await signersOf(parsed, [signer], "log")).toEqual([NAME]);
  });

  test("of a second from 2^63 on, or with another time than was signed, is refused", async () => {
    for (const text of [await cosigned(2n ** 63n), await cosigned(5n, 6n)]) {
      await expect(signersOf(parseNote(text), [cosigner], "cosigner")).rejects.toEqual(refused);
    }
  });

  test("that is cut off is refused", async () => {
    const whole = parseNote(await cosigned(5n));
    const signatures = whole.signatures.map((one) => ({ ...one, bytes: one.bytes.subarray(0, 7) }));
    const cut = { ...whole, signatures };
    await expect(signersOf(cut, [cosigner], "cosigner")).rejects.toEqual(refused);
  });
});

describe("a verifier key", () => {
  test.each(["log", "cosigner"] as const)("of a %s reads as it was written", async (role) => {
    const text = await formatVerifierKey({ ...signer, role });
    expect(await parseVerifierKey(text)).toEqual({ ...signer, role });
    expect(text).toMatch(/^example\.com\/log\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/);
  });

  test("of which one character is another is refused", async () => {
    const text = await formatVerifierKey({ ...signer, role: "log" });
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
      await expect(parseVerifierKey(changed), changed).rejects.toThrow(RbsmError);
    }
  });

  const weak = base64(concatBytes(Uint8Array.of(1, 1), new Uint8Array(31)));
  test.each([
    ["nothing", "", "trust_log_invalid"],
    ["no key", "name+c74f20a3", "trust_log_invalid"],
    ["no name", GO_KEY.replace("PeterNeumann", ""), "trust_log_invalid"],
    ["a name with a space", GO_KEY.replace("Peter", "Peter "), "trust_log_invalid"],
    ["an upper-case id", GO_KEY.replace("c74f20a3", "C74F20A3"), "trust_log_invalid"],
    ["another type", GO_KEY.replace("+AR", "+Ah"), "trust_log_invalid"],
    ["a key that is not base64", GO_KEY.replace("+ARp", "+A_p"), "trust_log_invalid"],
    ["a line feed", `${GO_KEY}\n`, "trust_log_invalid"],
    ["a short key", "PeterNeumann+c74f20a3+ARpc", "signature_key_rejected"],
    ["a key of small order", `PeterNeumann+c74f20a3+${weak}`, "signature_key_rejected"],
  ])("with %s is refused", async (_, text, code) => {
    await expect(parseVerifierKey(text)).rejects.toMatchObject({ name: "RbsmError", code });
  });
});

test("whatever bytes come, a note or verifier key is read or refused", async () => {
  const nearlyNote = fc
    .tuple(fc.nat(note.length), fc.nat(10), fc.string({ maxLength: 5, unit: "binary" }))
    .map(([at, gone, added]) => note.slice(0, at) + added + note.slice(at + gone));
  const inputs = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: "binary" }),
    nearlyNote,
  );
  await fc.assert(
    fc.asyncProperty(inputs, async (input) => {
      try {
        const parsed = parseNote(input);
        // Either the text is the signed one, or nobody that is known signed it.
        const signers = await signersOf(parsed, [signer], "log");
        expect(signers.length === 0 || parsed.text === TEXT).toBe(true);
      } catch (error) {
        expect(error).toEqual(refused);
      }
      await expect(parseVerifierKey(String(input))).rejects.toBeInstanceOf(RbsmError);
    }),
    { numRuns: 500 },
  );
});

test("the same text gives the same note, which verifies", async () => {
  const text = fc.stringMatching(/^[ -~\nä]{0,60}$/).map((start) => `${start}\n`);
  await fc.assert(
    fc.asyncProperty(text, async (signed) => {
      const written = await signNote(signed, NAME, key);
      expect(await signNote(signed, NAME, key)).toBe(written);
      expect(parseNote(written).text).toBe(signed);
      expect(await signersOf(parseNote(written), [signer], "log")).toEqual([NAME]);
    }),
    { numRuns: 60 },
  );
});
