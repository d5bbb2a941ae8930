import { createReadStream } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes, TAR_END, tarHeader, tarPadding, utf8 } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf } from "../testing/expectations.ts";
import { unpackAnswer } from "./unpack-answer.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "answer-"));
});
afterEach(() => rm(folder, { recursive: true }));

function fileOf(path: string, text = "x"): Uint8Array {
  const content = utf8(text);
  const { length: size } = content;
  return concatBytes(tarHeader({ path, size }), content, tarPadding(size));
}

const ANSWER = {
  format: "rbsm-license-answer/1",
  plugin: "@demo/invoices",
  version: null,
  instanceId: "instance-1",
  activationId: "activation-1",
  lease: "x",
};
const FIRST = fileOf("license/answer.json", JSON.stringify(ANSWER));

async function* archiveOf(...files: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield concatBytes(...files, TAR_END);
}

test("the files of an answer lie under their paths", async () => {
  const { answer, paths } = await unpackAnswer(archiveOf(FIRST, fileOf("tuf/a", "hello")), folder);
  expect(answer).toEqual(ANSWER);
  expect([...paths]).toEqual(["license/answer.json", "tuf/a"]);
  expect(await readFile(join(folder, "tuf", "a"), "utf8")).toBe("hello");
});

test.each([
  ["a file in place of a folder", ["b/x", "b/x/y"]],
  ["a file in place of a folder further up", ["b/x", "b/x/y/z"]],
  ["a folder in place of a file", ["b/x/y", "b/x"]],
])("an archive with %s is refused", async (_what, paths) => {
  const files = paths.map((path) => fileOf(path));
  expect(await codeOf(unpackAnswer(archiveOf(FIRST, ...files), folder))).toBe(
    "license_file_invalid",
  );
});

test.each([
  ["names what an answer does not hold", [FIRST, fileOf("license/more", "y".repeat(300_000))]],
  ["begins with something else", [fileOf("tuf/a", "y".repeat(300_000))]],
])("an archive that %s is refused, and its file is closed", async (_what, files) => {
  const path = join(folder, "answer.tar");
  await writeFile(path, concatBytes(...files, TAR_END));
  const stream = createReadStream(path);
  expect(await codeOf(unpackAnswer(stream, folder))).toBe("license_file_invalid");
  expect(stream.destroyed).toBe(true);
  expect(await readdir(folder)).toEqual(["answer.tar"]);
});
