import { describe, expect, test } from "vitest";
import vectors from "../../../docs/spec/vectors/offline-license.json" with { type: "json" };
import * as protocol from "./index.ts";

const REFUSED = expect.objectContaining({ name: "RbsmError", code: "license_file_invalid" });

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function read(archive: string): Promise<{ path: string; text: string }[]> {
  const files: { path: string; text: string }[] = [];
  for await (const { path, chunks } of protocol.readTar(one(protocol.fromBase64(archive)))) {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    files.push({ path, text: protocol.utf8Decode(protocol.concatBytes(...parts)) });
  }
  return files;
}

describe("the vectors of offline-license.md", () => {
  test("the request verifies, by the instance's key", async () => {
    const file = protocol.parseOfflineRequest(JSON.stringify(vectors.file));
    const verified = await protocol.verifyOfflineRequest(file);
    expect(verified.request).toEqual(vectors.claims);
    expect(protocol.hex(verified.publicKey)).toBe(vectors.instanceKey.publicKey);
  });

  test("the archive holds the files", async () => {
    const files = await read(vectors.archive);
    expect(files).toEqual(vectors.files);
    expect(files[0]?.path).toBe(protocol.OFFLINE_ANSWER_PATH);
    protocol.parseOfflineAnswer(protocol.utf8(files[0]?.text ?? ""));
  });

  test.each(vectors.refusedArchives)("an archive with $name is refused", async ({ archive }) => {
    await expect(read(archive)).rejects.toEqual(REFUSED);
  });
});
