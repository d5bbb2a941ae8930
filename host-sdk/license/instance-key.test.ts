import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openInstanceKey } from "./instance-key.ts";

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "instance-key-"));
});

afterEach(() => rm(dataDir, { recursive: true }));

test("the same key comes back and only its owner can read it", async () => {
  const first = await openInstanceKey(dataDir);
  const again = await openInstanceKey(dataDir);
  expect(again.keyId).toBe(first.keyId);
  expect((await stat(join(dataDir, "instance.key"))).mode & 0o777).toBe(0o600);
  expect(await readdir(dataDir)).toEqual(["instance.key"]);
});

test("twenty starts at once make one key", async () => {
  const keys = await Promise.all(Array.from({ length: 20 }, () => openInstanceKey(dataDir)));
  expect(new Set(keys.map((key) => key.keyId)).size).toBe(1);
  expect(await readdir(dataDir)).toEqual(["instance.key"]);
});

test("a crash before the name appeared leaves no half key", async () => {
  await writeFile(join(dataDir, "instance.key.0011223344556677.tmp"), "half");
  const key = await openInstanceKey(dataDir);
  expect(key.publicKey).toHaveLength(32);
});

test.each([
  ["empty", ""],
  ["cut", "AAAA\n"],
  ["binary", Uint8Array.of(255, 254)],
])("a key file that is %s is refused and kept", async (_, content) => {
  await writeFile(join(dataDir, "instance.key"), content);
  await expect(openInstanceKey(dataDir)).rejects.toMatchObject({ code: "license_instance_key" });
  expect(await readFile(join(dataDir, "instance.key"))).toEqual(Buffer.from(content));
});

test("a key file others could read is closed to them", async () => {
  await openInstanceKey(dataDir);
  await chmod(join(dataDir, "instance.key"), 0o644);
  await openInstanceKey(dataDir);
  expect((await stat(join(dataDir, "instance.key"))).mode & 0o777).toBe(0o600);
});
