import { fileURLToPath } from "node:url";
import { createTestHost, type TestHost } from "@rising-bsm/host-sdk/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildApp } from "./build-app.ts";
import app from "./hono-pages/src/index.tsx";
import { expectSame } from "./same-as-node.ts";

let host: TestHost;
beforeAll(async () => {
  host = await createTestHost(
    await buildApp(fileURLToPath(new URL("hono-pages", import.meta.url))),
  );
});
afterAll(() => host?.close());

const BOOKING: [string, string][] = [
  ["name", "Jörg <b>"],
  ["people", "4"],
  ["wishes", "quiet"],
  ["wishes", "garden"],
  ["message", "line 1\r\nline 2 & 50 %"],
];

function urlencoded(fields: Iterable<[string, string]>): URLSearchParams {
  return new URLSearchParams([...fields]);
}

function multipart(fields: readonly (readonly [string, string | Blob, string?])[]): FormData {
  const form = new FormData();
  for (const [name, value, file] of fields) {
    if (typeof value === "string") form.append(name, value);
    else form.append(name, value, file);
  }
  return form;
}

test.each([
  "/",
  "/hello/Ada",
  "/hello/%3Cscript%3E?lang=de",
  "/template?text=%3Cb%3E%22%27%26",
  "/nothing",
])("GET %s renders the same page as in Node", async (path) => {
  await expectSame({ app, host }, path);
});

test("a page is escaped, and waits for its asynchronous parts", async () => {
  const page = await (await expectSame({ app, host }, "/hello/%3Ci%3E?lang=de")).text();
  expect(page).toContain('<p lang="de">Servus &lt;i&gt;</p><em>later</em>');
  expect(page).toContain("<style>body > p { color: teal }</style>");
});

test.each([
  ["urlencoded", urlencoded(BOOKING)],
  ["multipart", multipart(BOOKING)],
])("a form posted as %s is parsed and validated", async (_encoding, body) => {
  const response = await expectSame({ app, host }, "/", { method: "POST", body });
  expect(response.status).toBe(201);
  expect(await response.json()).toEqual({
    name: "Jörg <b>",
    people: 4,
    wishes: ["quiet", "garden"],
    message: "line 1\r\nline 2 & 50 %",
  });
});

test.each([
  ["urlencoded", urlencoded([["name", "J"]])],
  ["multipart", multipart([["name", "J"]])],
])("mistakes in a form posted as %s come back in the page", async (_encoding, body) => {
  const response = await expectSame({ app, host }, "/", { method: "POST", body });
  expect(response.status).toBe(422);
  expect(await response.text()).toContain("<li>Name is too short</li>");
});

test("files arrive with name, type and bytes", async () => {
  const body = multipart([
    [
      "first",
      new Blob([Uint8Array.of(0, 255, 13, 10, 45, 45)], { type: "image/png" }),
      'ä "1".png',
    ],
    ["note", "with a\nbreak"],
    ["second", new Blob([]), "empty.txt"],
  ]);
  const response = await expectSame({ app, host }, "/upload", { method: "POST", body });
  expect(await response.json()).toMatchObject([
    { name: "first", type: "image/png", size: 6, bytes: [0, 255, 13, 10, 45, 45] },
    { name: "note" },
    { name: "second", file: "empty.txt", size: 0 },
  ]);
});
