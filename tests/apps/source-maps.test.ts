import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createTestHost, type TestHost } from "@rising-bsm/host-sdk/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildApp } from "./build-app.ts";

const FILES = {
  "manifest.json": JSON.stringify({
    name: "@fixture/typed",
    version: "1.0.0",
    main: "dist/index.js",
    permissions: [],
    dependencies: {},
  }),
  "src/index.ts": `import { deep } from "./inner/deep.ts";

interface Options { readonly depth: number }

export default {
  methods: {
    fails: (options: Options) => deep(options.depth),
    async later() {
      await null;
      deep(0);
    },
    forgets() {
      setTimeout(() => deep(0), 1);
      return new Promise((done) => setTimeout(done, 50));
    },
    logs() {
      console.error(new Error("seen").stack);
    },
  },
};
`,
  "src/inner/deep.ts": `type Depth = number;
export function deep(depth: Depth): never {
  if (depth > 0) return deep(depth - 1);
  throw new RangeError("too deep");
}
`,
};

let folder: string;
let host: TestHost;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rising-bsm-maps-"));
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  host = await createTestHost(await buildApp(folder));
});
afterAll(async () => {
  await host?.close();
  await rm(folder, { recursive: true, force: true });
});

async function stackOf(method: string, ...args: { depth: number }[]): Promise<string> {
  const error: unknown = await host.call(method, args).then(
    () => null,
    (error: unknown) => error,
  );
  expect(error).toMatchObject({ code: "plugin_threw", detail: { stack: expect.any(String) } });
  return String(Object(error).detail.stack);
}

test("an error's stack names the lines of the TypeScript sources", async () => {
  const frames = (await stackOf("fails", { depth: 1 })).split("\n").map((line) => line.trim());
  expect(frames).toEqual([
    "at deep (src/inner/deep.ts:4:9)",
    "at deep (src/inner/deep.ts:3:25)",
    expect.stringMatching(/^at .*\(?src\/index\.ts:7:34\)?$/),
  ]);
});

test("so does the stack of an error behind an await", async () => {
  expect(await stackOf("later")).toMatch(/deep\.ts:4:9\)\n.*src\/index\.ts:10:7\)?$/);
});

test("an error that nobody caught is logged with its lines", async () => {
  await host.call("forgets");
  expect(host.logs().at(-1)).toMatchObject({
    level: "error",
    message: expect.stringMatching(/^Uncaught .* too deep\n.*deep\.ts:4:9\)\n.*index\.ts:13:24/),
  });
});

test("a stack that the plugin logs itself names them too", async () => {
  await host.call("logs");
  expect(host.logs().at(-1)?.message).toMatch(/seen\n.*src\/index\.ts:17:21/);
});
