import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RbsmError, sha256Hex, utf8 } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { breakOffAt, codeOf } from "../testing/expectations.ts";
import { downloadBundle, partialFileOf } from "./download-bundle.ts";
import { createMarketplace } from "./marketplace.ts";

const BYTES = utf8("0123456789".repeat(10));
const WRONG = utf8("x".repeat(100));

/** What a place answers to a request for the bundle, knowing the file that its bytes go to. */
type Place = (response: ServerResponse, request: IncomingMessage, part: string) => void;

const good: Place = (response, request) => {
  const from = Number(/(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const range = { "content-range": `bytes ${from}-99/100` };
  response.writeHead(from === 0 ? 200 : 206, from === 0 ? {} : range).end(BYTES.subarray(from));
};
const wrong: Place = (response) => void response.end(WRONG);
const gone: Place = (response) => void response.writeHead(404).end();
const breaking =
  (bytes: Uint8Array, after: number): Place =>
  (response, _, part) => {
    response.writeHead(200, { "content-length": 100 });
    response.write(bytes.subarray(0, after));
    void breakOffAt(response, { part, size: after });
  };

let servers: Server[];
let folder: string;
let asked: number[];
beforeEach(async () => {
  servers = [];
  asked = [];
  folder = await mkdtemp(join(tmpdir(), "rbsm-mirrors-"));
});
afterEach(async () => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  await rm(folder, { recursive: true });
});

async function serve(place: Place, mirror = 0): Promise<string> {
  const number = servers.length;
  const server = createServer((request, response) => {
    asked.push(number);
    place(response, request, partialFileOf(join(folder, "bundle.rbsm"), mirror));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

/** Downloads from a marketplace with mirrors that answer so; the order in which they were asked. */
async function download(
  path: string | (() => Promise<string>),
  [first = gone, ...others]: readonly Place[],
  { folders = [], now }: { folders?: readonly string[]; now?: () => number } = {},
): Promise<number[]> {
  const url = await serve(first);
  const mirrors = [...folders];
  for (const [at, place] of others.entries()) mirrors.push(await serve(place, at + 1));
  const market = createMarketplace({ url, mirrors, idleMs: 300 });
  const file = join(folder, "bundle.rbsm");
  const sha256 = await sha256Hex(BYTES);
  const size = BYTES.length;
  const wanted = { path, mirrors: market.mirrors, sha256, size, file, backOffMs: 1, now };
  await downloadBundle(market.send, wanted);
  expect(new Uint8Array(await readFile(file))).toEqual(BYTES);
  expect((await readdir(folder)).filter((name) => name.startsWith("bundle"))).toEqual([
    "bundle.rbsm",
  ]);
  return asked;
}

test("the marketplace is asked first, and mirrors in order until one has the bundle", async () => {
  expect(await download("/b", [good, good])).toEqual([0]);
  await rm(join(folder, "bundle.rbsm"));
  asked = [];
  const away: Place = (response) => void response.destroy();
  const base = servers.length;
  expect((await download("/b", [away, gone, good, good])).map((at) => at - base)).toEqual([
    0, 1, 2,
  ]);
});

test("a mirror goes on where the marketplace broke off", async () => {
  const ranges: (string | undefined)[] = [];
  const seen: Place = (response, request, part) => {
    ranges.push(request.headers.range);
    good(response, request, part);
  };
  expect(await download("/b", [breaking(BYTES, 30), seen])).toEqual([0, 1]);
  expect(ranges).toEqual(["bytes=30-"]);
});

test("no place can spoil what another has: wrong bytes are thrown away and loaded again", async () => {
  expect(await download("/b", [wrong, good])).toEqual([0, 1]);
  await rm(join(folder, "bundle.rbsm"));
  asked = [];
  const base = servers.length;
  const order = await download("/b", [gone, breaking(WRONG, 30), good]);
  // The rest did not fit what the mirror before had sent, so the next one gave it all.
  expect(order.map((at) => at - base)).toEqual([0, 1, 2, 2]);
});

/** Sends 30 bytes more each time, and breaks off. */
const piecesOf =
  (bytes: Uint8Array): Place =>
  (response, request, part) => {
    const from = Number(/(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const headers = { "content-length": 100 - from };
    const range = { "content-range": `bytes ${from}-99/100` };
    response.writeHead(from === 0 ? 200 : 206, from === 0 ? headers : { ...headers, ...range });
    response.write(bytes.subarray(from, from + 30));
    void breakOffAt(response, { part, size: Math.min(100, from + 30) });
  };
const piecemeal = piecesOf(BYTES);

/** How often a place was asked. */
const timesOf = (place: number) => asked.filter((at) => at === place).length;

test.each<[string, Place]>([
  ["is something else", (response) => void response.end("<p>Log in first</p>")],
  ["knows no ranges and breaks off", breaking(BYTES, 5)],
  [
    "goes on with wrong bytes and breaks off",
    (response, { headers }, part) => {
      const from = Number(/(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
      const range = { "content-range": `bytes ${from}-99/100`, "content-length": 100 - from };
      response.writeHead(206, range);
      response.write(WRONG.subarray(from, 99));
      void breakOffAt(response, { part, size: 99 });
    },
  ],
])("a mirror cannot spoil what the marketplace has sent: one that %s", async (_, mirror) => {
  await download("/b", [piecemeal, mirror]);
  // Each time it went on with its own bytes.
  expect(timesOf(0)).toBe(4);
});

test("a place whose own bytes are wrong twice, piece by piece, is given up", async () => {
  expect(await codeOf(download("/b", [piecesOf(WRONG)]))).toBe("bundle_digest_mismatch");
  expect(await readdir(folder)).toEqual([]);
});

test("a place that has refused for good is not asked again while others go on", async () => {
  await download("/b", [piecemeal, wrong, gone]);
  expect([timesOf(1), timesOf(2)]).toEqual([1, 1]);
});

test("a place that asks to wait is left out for that long, and the others go on", async () => {
  const busy: Place = (response) => void response.writeHead(503, { "retry-after": "120" }).end();
  await download("/b", [busy, piecemeal]);
  expect(timesOf(0)).toBe(1);
});

test("a mirror that asks to wait is not asked again before", async () => {
  const busy: Place = (response) => void response.writeHead(429, { "retry-after": "600" }).end();
  expect(await codeOf(download("/b", [gone, busy]))).toBe("not_found");
  expect(asked).toEqual([0, 1]);
});

test("a mirror cannot end a download in the name of its caller, nor with an address that is none", async () => {
  const ending: Place = (response) =>
    void response
      .writeHead(499, { "content-type": "application/json" })
      .end('{"code":"cancelled"}');
  const astray: Place = (response) => void response.writeHead(302, { location: "http://[" }).end();
  expect(await download("/b", [gone, ending, astray, good])).toEqual([0, 1, 2, 3]);
});

test("a place that would not be done in time is left for the next, which goes on, and not for nobody", async () => {
  const trickling: Place = (response) => {
    response.writeHead(200, { "content-length": 100 });
    const more = (at: number) =>
      response.destroyed ||
      response.write(BYTES.subarray(at, at + 5), () => setTimeout(more, 5, at + 5));
    more(0);
  };
  let time = 0;
  const now = () => (time += 30_000);
  expect(await download("/b", [trickling, good], { now })).toEqual([0, 1]);
  await rm(join(folder, "bundle.rbsm"));
  const base = servers.length;
  expect(await download("/b", [trickling], { now })).toEqual([0, 1, base]);
});

test("when no place has it, what the marketplace said counts, and nothing stays", async () => {
  expect(await codeOf(download("/b", [wrong, wrong, gone]))).toBe("bundle_digest_mismatch");
  expect(asked).toEqual([0, 1, 2]);
  expect(await readdir(folder)).toEqual([]);
});

test("a mirror may be a folder", async () => {
  await mkdir(join(folder, "copy", "b"), { recursive: true });
  await writeFile(join(folder, "copy", "b", "one.rbsm"), BYTES);
  expect(await download("/b/one.rbsm", [gone], { folders: [join(folder, "copy")] })).toEqual([0]);
});

test("a bundle that needs a link is asked of the marketplace alone", async () => {
  const link = async () => "/b?m=secret";
  expect(await codeOf(download(link, [gone, good]))).toBe("not_found");
  expect(asked).toEqual([0]);
});

test("a marketplace that is busy is asked again when it said, and one that is for long is not", async () => {
  const busyFor =
    (seconds: string): Place =>
    (response, ...order) =>
      asked.length === 1
        ? void response.writeHead(503, { "retry-after": seconds }).end()
        : good(response, ...order);
  const begun = performance.now();
  expect(await download("/b", [busyFor("1")])).toEqual([0, 0]);
  expect(performance.now() - begun).toBeGreaterThan(990);
  await rm(join(folder, "bundle.rbsm"));
  asked = [];
  const error = await download("/b", [busyFor("600")]).catch((problem: unknown) => problem);
  expect(error).toBeInstanceOf(RbsmError);
  expect(error).toMatchObject({ code: "unavailable", detail: { retryAfterMs: 600_000 } });
});

test("a document is asked for again when a busy marketplace said so", async () => {
  const url = await serve((response) =>
    asked.length === 1
      ? void response.writeHead(429, { "retry-after": "0" }).end()
      : void response.end("here"),
  );
  const market = createMarketplace({ url, backOffMs: 1 });
  expect(Buffer.from(await market.getBytes("/thing", 100)).toString()).toBe("here");
  expect(asked).toEqual([0, 0]);
});
