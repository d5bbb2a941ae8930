import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { createTestHost } from "@rising-bsm/host-sdk/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { buildApp } from "./build-app.ts";
import { type App, expectSame } from "./same-as-node.ts";

const COUNT = 30;
const name = (index: number): string =>
  `${index % 3 === 0 ? "" : `part-${index % 3}/`}m${String(index).padStart(2, "0")}.js`;

/** From the folder of one module to another. */
function specifier(from: number, to: number): string {
  return `${from % 3 === 0 ? "./" : "../"}${name(to)}`;
}

/**
 * Module i imports the next one and, behind it, the first of its group of ten: three rings that touch
 * one another. Functions are hoisted, so a ring may call round; `order` shows who ran when.
 */
function moduleText(index: number): string {
  const next = (index + 1) % COUNT;
  const back = index - (index % 10);
  return `import { order } from "${index % 3 === 0 ? "./" : "../"}order.js";
import { visit as next, label as nextLabel } from "${specifier(index, next)}";
import * as back from "${specifier(index, back)}";
order.push(${index});
export const label = "m${index}";
export function visit(left) {
  return left === 0 ? [label] : [label, ...next(left - 1)];
}
export class Base${index} { static from() { return [label, nextLabel, back.label]; } }
export { Base${index} as Type };
`;
}

const FILES: Record<string, string> = {
  "manifest.json": JSON.stringify({
    name: "@fixture/thirty-modules",
    version: "1.0.0",
    main: "app.js",
    permissions: [],
    dependencies: {},
  }),
  "order.js": "export const order = [];\n",
  "data.json": '{ "greeting": "Grüezi" }',
  ...Object.fromEntries(
    Array.from({ length: COUNT }, (_, index) => [name(index), moduleText(index)]),
  ),
  "app.js": `import { order } from "./order.js";
import { visit } from "./m00.js";
import data from "./data.json" with { type: "json" };
${Array.from({ length: COUNT }, (_, index) => `import { Type as T${index} } from "./${name(index)}";`).join("\n")}
const TYPES = [${Array.from({ length: COUNT }, (_, index) => `T${index}`).join(", ")}];
export default {
  handleRequest(request) {
    const steps = Number(new URL(request.url).searchParams.get("steps"));
    return Response.json({
      order,
      path: visit(steps),
      types: TYPES.map((type) => [type.name, ...type.from()]),
      ...data,
    });
  },
};
`,
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rising-bsm-modules-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function writeTo(root: string, files: Record<string, string>): Promise<string> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

/** The same files with their sources below src/, for the bundler. */
function asSources(): Record<string, string> {
  const { "manifest.json": manifest = "", "app.js": app = "", ...rest } = FILES;
  const below = Object.entries({ ...rest, "index.js": app });
  return {
    "manifest.json": manifest,
    ...Object.fromEntries(below.map(([path, text]) => [`src/${path}`, text])),
  };
}

test.each([
  ["module by module, as it is", FILES],
  ["bundled into one", asSources()],
])("a plugin of thirty modules with cycles runs %s", async (what, files) => {
  const root = await writeTo(join(folder, what), files);
  await writeFile(join(root, "package.json"), '{ "type": "module" }');
  const main = join(root, "src/index.js" in files ? "src/index.js" : "app.js");
  const { default: app }: { default: App } = await import(pathToFileURL(main).href);
  const host = await createTestHost(await buildApp(root));
  try {
    const response = await expectSame({ app, host }, "/?steps=65");
    const answer = z
      .object({ order: z.array(z.number()), path: z.array(z.string()) })
      .parse(await response.json());
    expect(answer.order.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: COUNT }, (_, i) => i),
    );
    expect(answer.path).toHaveLength(66);
  } finally {
    await host.close();
  }
});
