import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CLIENT_LIMITS, RbsmError, sha256Hex, utf8 } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { breakOffAt, codeOf } from "../testing/expectations.ts";
import { downloadBundle } from "./download-bundle.ts";
import { createMarketplace, type Marketplace } from "./marketplace.ts";

const BYTES = utf8("0123456789".repeat(10));
let server: Server;
let answer: RequestListener;
let market: Marketplace;
let folder: string;
let asked: string[];
/** The link that works; any other is refused. */
let valid: string;

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  market = createMarketplace({ url: `http://127.0.0.1:${port}`, idleMs: 300, backOffMs: 1 });
  folder = await mkdtemp(join(tmpdir(), "rbsm-link-"));
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true });
});

/** A marketplace whose links end after each answer, of which each breaks off after 30 bytes. */
function serveInPieces(): void {
  answer = (request, response) => {
    asked.push(`${request.url} ${request.headers.range ?? ""}`.trim());
    if (request.url !== valid) {
      response.writeHead(403, { "content-type": "application/problem+json" });
      response.end(JSON.stringify({ code: "license_refused" }));
      return;
    }
    valid = "";
    const from = Number(/(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const range = { "content-range": `bytes ${from}-99/100` };
    response.writeHead(from === 0 ? 200 : 206, {
      "content-length": BYTES.length - from,
      ...(from === 0 ? {} : range),
    });
    response.write(BYTES.subarray(from, from + 30));
    const part = join(folder, "bundle.rbsm.part");
    void breakOffAt(response, { part, size: Math.min(BYTES.length, from + 30) });
  };
}

let links = 0;

async function giveLink(): Promise<string> {
  links += 1;
  valid = `/b?m=${links}`;
  return valid;
}

async function download(path: () => Promise<string>): Promise<boolean> {
  const file = join(folder, "bundle.rbsm");
  const sha256 = await sha256Hex(BYTES);
  await downloadBundle(market.send, { path, sha256, size: BYTES.length, file, backOffMs: 1 });
  return Buffer.from(await readFile(file)).equals(BYTES);
}

test("a link that ends while its download is broken off is asked for anew, and the rest is loaded", async () => {
  links = 0;
  serveInPieces();
  expect(await download(giveLink)).toBe(true);
  expect(asked).toEqual([
    "/b?m=1",
    "/b?m=1 bytes=30-",
    "/b?m=2 bytes=30-",
    "/b?m=2 bytes=60-",
    "/b?m=3 bytes=60-",
    "/b?m=3 bytes=90-",
    "/b?m=4 bytes=90-",
  ]);
});

test("a marketplace that refuses every link is given up", async () => {
  links = 0;
  serveInPieces();
  const refused = async () => {
    await giveLink();
    return "/b?m=forged";
  };
  expect(await codeOf(download(refused))).toBe("license_refused");
  expect(links).toBe(CLIENT_LIMITS.attempts);
});

test("a refusal to give a link is final, and keeps what was loaded", async () => {
  links = 0;
  serveInPieces();
  const once = async () => {
    if (links === 1) throw new RbsmError("license_refused");
    return giveLink();
  };
  expect(await codeOf(download(once))).toBe("license_refused");
  expect(asked).toHaveLength(2);
  expect(await readdir(folder)).toEqual(["bundle.rbsm.part"]);
});

test("without a byte to load nobody asks for a link", async () => {
  links = 0;
  await writeFile(join(folder, "bundle.rbsm.part"), BYTES);
  expect(await download(giveLink)).toBe(true);
  expect(links).toBe(0);
});
