import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QUIET_ENV, run } from "./processes.ts";

const server = createServer((_, response) => response.end("<h1>Somebody else</h1>"));
let elsewhere = "";

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  elsewhere = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

test("who asks what is no marketplace is told so in a line", async () => {
  const env = { ...QUIET_ENV, ADMIN_TOKEN: "token" };
  const ask = (url: string) => run("node", ["scripts/search.ts", "check", "--url", url], env);
  const [nobody, other, nothing] = await Promise.all([
    ask("http://127.0.0.1:9"),
    ask(elsewhere),
    ask("no url"),
  ]);
  expect(nobody).toMatchObject({ code: 1, stdout: "" });
  expect(nobody.output).toMatch(/^No answer from http:\/\/127\.0\.0\.1:9: .+\n$/);
  expect(other).toMatchObject({
    code: 1,
    output: `${elsewhere} is not a marketplace of this version\n`,
  });
  expect(nothing.output).toMatch(/^No answer from no url: .+\n$/);
});
