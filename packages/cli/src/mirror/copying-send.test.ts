import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { Send } from "@rising-bsm/host-sdk";
import { expect, test } from "vitest";
import { temporaryFolder, writeFiles } from "../../fixtures/run-cli.ts";
import { createCopyingSend } from "./copying-send.ts";

/** A marketplace that has a file at every path. */
const everywhere: Send = async ({ path }) => ({
  status: 200,
  headers: new Headers(),
  url: path,
  chunks: Readable.from([Buffer.from("a"), Buffer.from("b")]),
  discard: async () => {},
});

async function readAll(send: Send, path: string): Promise<string> {
  let text = "";
  for await (const chunk of (await send({ method: "GET", path })).chunks)
    text += Buffer.from(chunk).toString();
  return text;
}

test("what is read to its end is copied, what is broken off is not", async () => {
  const staging = await temporaryFolder();
  const copying = createCopyingSend({ marketplace: everywhere, mirror: null, staging });
  expect(await readAll(copying.send, "/tuf/1.root.json")).toBe("ab");
  for await (const _ of (await copying.send({ method: "GET", path: "/b/half.rbsm" })).chunks) break;
  expect([...copying.copied]).toEqual([["/tuf/1.root.json", "new"]]);
  expect(await readFile(join(staging, "tuf/1.root.json"), "utf8")).toBe("ab");
});

test.each([
  "/../evil",
  "/b/../../evil",
  "/.state/evil",
  "evil",
  "https://example.com/evil",
  "/b\\..\\evil",
])("nothing is asked for or written at %j", async (path) => {
  const home = await temporaryFolder();
  const staging = join(home, "mirror", ".new");
  await writeFiles(home, { "mirror/.new/here": "" });
  const copying = createCopyingSend({ marketplace: everywhere, mirror: null, staging });
  await expect(readAll(copying.send, path)).rejects.toMatchObject({ code: "network_bad_answer" });
  await expect(copying.add(path, Buffer.from("x"))).rejects.toThrow();
  expect((await readdir(home, { recursive: true })).sort()).toEqual([
    "mirror",
    "mirror/.new",
    "mirror/.new/here",
  ]);
});

test("what never changes is taken from the mirror, pointers are asked for", async () => {
  const staging = await temporaryFolder();
  const asked: string[] = [];
  const marketplace: Send = (request) => (asked.push(request.path), everywhere(request));
  const copying = createCopyingSend({ marketplace, mirror: everywhere, staging });
  for (const path of ["/tuf/1.root.json", "/tuf/timestamp.json", "/log/checkpoint"])
    await readAll(copying.send, path);
  expect(asked).toEqual(["/tuf/timestamp.json", "/log/checkpoint"]);
  expect(copying.copied.get("/tuf/1.root.json")).toBe("kept");
  // The second time in one run it is the file that was copied.
  await readAll(copying.send, "/log/checkpoint");
  expect(asked).toHaveLength(2);
});
