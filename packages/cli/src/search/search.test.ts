import { expect, test } from "vitest";
import { sendJson, startServer } from "../../fixtures/marketplace.ts";
import { type CliRun, runCli, temporaryFolder } from "../../fixtures/run-cli.ts";

/** Runs `search` against a marketplace that answers with this page. */
async function searchIn(
  page: object,
  args: readonly string[],
): Promise<{ run: CliRun; lines: string[]; url: string; asked: string[] }> {
  const home = await temporaryFolder();
  const { url, received } = await startServer((_request, response) =>
    sendJson(response, 200, { items: [], nextCursor: null, ...page }),
  );
  const run = await runCli(["search", ...args], { home, env: { RISING_BSM_URL: url } });
  const lines = run.stdout.trimEnd().split("\n");
  expect(received[0]?.headers.authorization).toBeUndefined();
  return { run, lines, url, asked: received.map((request) => request.url) };
}

test("words and filters are passed on, each as often as it is given", async () => {
  const one = ["--price", "free", "--host", "2.1", "--verified", "--sort", "name", "--limit", "5"];
  const many = ["--category", "team,finance", "--license", "MIT", "--license", "ISC"];
  const codes = ["--permission", "customers.view", "--permission", "!network"];
  const { asked } = await searchIn({}, ["tax", ...one, ...many, ...codes, "report"]);
  expect(asked).toEqual([
    "/v1/plugins?q=tax+report&category=team&category=finance&permission=customers.view" +
      "&permission=%21network&license=MIT&license=ISC&price=free&host=2.1&verified=true" +
      "&sort=name&limit=5",
  ]);
});

test("--json prints the page as the marketplace sent it", async () => {
  const page = {
    items: [CARD],
    nextCursor: "c2",
    prevCursor: null,
    didYouMean: "tax",
    understood: [{ words: "no network", filter: { name: "permission", value: "!network" } }],
    help: { withoutWords: ["x"], withoutFilters: [] },
  };
  const { run } = await searchIn(page, ["tux", "no", "network", "--json"]);
  expect(run.json()).toEqual({ ok: true, ...page });
});

test.each([
  [["--permission", "!customer.edit"], '"customer.edit" is no permission', "customers.edit"],
  [["--permission", "customers.view,"], expect.stringContaining("not be empty"), "--help"],
  [["--permission", "zzzzzzzz"], '"zzzzzzzz" is no permission', "customers, appointments"],
  [["--category", "finances"], '"finances" is no category', "finance"],
  [["--category", ""], expect.stringContaining("not be empty"), "--help"],
  [["--sort", "best"], expect.stringContaining("trending"), "--help"],
])("%j is refused before anything is sent", async (args, message, fix) => {
  const { run, asked } = await searchIn({}, [...args, "--json"]);
  expect(run.code).toBe(2);
  const error = { code: "usage", message, fix: expect.stringContaining(fix) };
  expect(run.json().error).toEqual(error);
  expect(asked).toEqual([]);
});

test.each(["network", "network:api.example.com", "!storage", "customers", "customers.write"])(
  "%s is a permission to search for",
  async (code) => expect((await searchIn({}, ["--permission", code])).run.code).toBe(0),
);

test("the pages beside are commands to copy", async () => {
  const page = { items: [CARD], nextCursor: "c3", prevCursor: "c1" };
  const options = ["--permission", "!network", "--verified", "--cursor", "c2"];
  const { lines, url } = await searchIn(page, ["it's", "tax", ...options]);
  expect(lines).toEqual([
    "NAME         VERSION  PRICE        DESCRIPTION",
    "@acme/hello  1.0.0    9 EUR/month  Says hello",
    String.raw`next page: rising-bsm search 'it'\''s' tax --permission '!network' --verified --cursor c3`,
    String.raw`previous page: rising-bsm search 'it'\''s' tax --permission '!network' --verified --cursor c1`,
  ]);
  const dashes = await searchIn(page, ["--url", url, "--", "-x"]);
  expect(dashes.lines[2]).toBe(`next page: rising-bsm search --url ${url} --cursor c3 -- -x`);
});

test("what was made of the words stands before what was found", async () => {
  const page = {
    items: [CARD],
    didYouMean: "tax report",
    understood: [{ words: "no network", filter: { name: "permission", value: "!network" } }],
    help: {
      withoutWords: ["xyzzy", "quux"],
      withoutFilters: [
        { name: "permission", value: "!network", atLeast: 1 },
        { name: "category", value: "team,finance", atLeast: 4 },
        { name: "verified", value: "true", atLeast: 2 },
      ],
    },
  };
  const words = ["tux", "report", "no", "network", "xyzzy", "quux"];
  const filters = ["--category", "team,finance", "--verified"];
  const { lines } = await searchIn(page, [...words, ...filters]);
  const again = "--category team --category finance --verified";
  expect(lines.slice(0, -2)).toEqual([
    `"no network" was understood as --permission '!network'`,
    `to look for the words themselves: rising-bsm search '"${words.join(" ")}"' ${again}`,
    `did you mean "tax report"? rising-bsm search tax report ${again} --permission '!network'`,
    "no plugin has all of the words; the best one lacks: xyzzy, quux",
    "without --permission '!network' there is at least 1",
    "without --category team,finance there are at least 4",
    "without --verified there are at least 2",
    "",
  ]);
});

test("nothing found says why, or what to try", async () => {
  const help = { withoutWords: [], withoutFilters: [{ name: "price", value: "paid", atLeast: 3 }] };
  expect((await searchIn({ help }, ["--price", "paid"])).lines).toEqual([
    "nothing found",
    "without --price paid there are at least 3",
  ]);
  expect((await searchIn({ didYouMean: "tax" }, ["tux", "--sort", "new"])).lines).toEqual([
    "nothing found",
    'did you mean "tax"? rising-bsm search tax --sort new',
  ]);
  const unsearchable = { withoutWords: ["!!!"], withoutFilters: [] };
  expect((await searchIn({ help: unsearchable }, ["!!!"])).lines).toEqual([
    "nothing found",
    "no plugin has: !!!",
  ]);
  const hint = "nothing found; try other words or fewer filters";
  expect((await searchIn({}, ["tux"])).lines).toEqual([hint]);
  expect((await searchIn({}, ["--verified"])).lines).toEqual([hint]);
  expect((await searchIn({}, ["--sort", "new"])).lines).toEqual(["nothing found"]);
});

test("nothing of a marketplace leaves the line or the quotes that it stands in", async () => {
  const evil = "x\u001b[2J\n'; rm -rf ~ #\u202e";
  const page = {
    items: [{ ...CARD, description: evil, price: { ...CARD.price, currency: evil } }],
    nextCursor: evil,
    didYouMean: evil,
    understood: [{ words: evil, filter: { name: evil, value: evil } }],
    help: { withoutWords: [evil], withoutFilters: [{ name: evil, value: evil, atLeast: 1 }] },
  };
  const { lines } = await searchIn(page, ["tux"]);
  expect(lines).toHaveLength(9);
  // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
  expect(lines.join("")).not.toMatch(/[\u0000-\u001f\u202e]/);
  expect(lines.at(-1)).toBe(
    String.raw`next page: rising-bsm search tux --cursor 'x [2J '\''; rm -rf ~ #'`,
  );
});

const CARD = {
  name: "@acme/hello",
  displayName: "Hello",
  description: { en: "Says hello", de: "Sagt Hallo" },
  version: "1.0.0",
  publisher: "acme",
  verified: true,
  rating: null,
  icon: null,
  downloads: 3,
  permissions: [],
  price: { amount: 9, currency: "EUR", period: "month" },
  updatedAt: "2026-11-22T10:00:00Z",
};
