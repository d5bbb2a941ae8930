import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { breakOffAt, bundlesOnDisk, codeOf, HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { answerFile } from "../testing/static-marketplace.ts";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

/** Where the beginning of a bundle waits. */
const partOf = (sha256: string) => join(fixture.dataDir, "bundles", `${sha256}.rbsm.part`);

/** Nothing of an installation may be left: no plugin, no bundle. */
async function expectNothingInstalled(host: { plugins(): unknown[] }): Promise<void> {
  expect(host.plugins()).toEqual([]);
  expect(await bundlesOnDisk(fixture.dataDir)).toEqual([]);
}

test("a download that breaks goes on where it stopped", async () => {
  const { market } = fixture;
  const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("base64");
  const code = `export default { methods: { size() { return ${JSON.stringify(noise)}.length; } } };`;
  const { sha256, bundle } = await market.publish({ name: HELLO, version: "1.0.0", code });
  const ranges: (string | undefined)[] = [];
  market.intercept((request, response) => {
    if (request.url !== `/b/${sha256}.rbsm`) return false;
    ranges.push(request.headers.range);
    if (ranges.length > 3) return false;
    const from = Number(/(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(from === 0 ? 200 : 206, {
      "content-length": bundle.length - from,
      ...(from === 0
        ? {}
        : { "content-range": `bytes ${from}-${bundle.length - 1}/${bundle.length}` }),
    });
    response.write(bundle.subarray(from, from + 10_000));
    void breakOffAt(response, { part: partOf(sha256), size: from + 10_000 });
    return true;
  });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  expect(ranges).toEqual([undefined, "bytes=10000-", "bytes=20000-", "bytes=30000-"]);
  expect(await host.call(HELLO, "size")).toBe(noise.length);
});

test("a marketplace that goes away mid-download leaves a part that the next try continues", async () => {
  const { market } = fixture;
  const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(40_000))).toString("base64");
  const { sha256, bundle } = await market.publish({
    name: HELLO,
    version: "1.0.0",
    code: `export default { methods: { size() { return ${JSON.stringify(noise)}.length; } } };`,
  });
  let gone = false;
  market.intercept((request, response) => {
    if (gone) return request.socket.destroy().destroyed;
    if (request.url !== `/b/${sha256}.rbsm`) return false;
    gone = true;
    response.writeHead(200, { "content-length": bundle.length });
    response.write(bundle.subarray(0, 15_000));
    void breakOffAt(response, { part: partOf(sha256), size: 15_000 });
    return true;
  });
  const host = await fixture.open();
  const code = await codeOf(host.install(HELLO, { grant: "requested" }));
  expect(["network_interrupted", "network_unreachable"]).toContain(code);
  await expectNothingInstalled(host);
  market.intercept(null);
  const before = market.requests.length;
  const dones: number[] = [];
  await host.install(HELLO, {
    grant: "requested",
    onProgress: ({ done }) => done !== undefined && dones.push(done),
  });
  expect(market.requests.slice(before)).toContain(`/b/${sha256}.rbsm`);
  expect(dones[1]).toBeGreaterThan(15_000);
}, 30_000);

test("a full disk is said so, and nothing is half done", async () => {
  const { market, dataDir } = fixture;
  const { sha256 } = await market.publish({ name: HELLO, version: "1.0.0" });
  const host = await fixture.open();
  await mkdir(join(dataDir, "bundles"));
  const part = partOf(sha256);
  await symlink("/dev/full", part);
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("disk_full");
  await expectNothingInstalled(host);
  await rm(part);
  await host.install(HELLO, { grant: "requested" });
});

const isDocument = (url = "") => /^\/index\/.*\/[0-9a-f]{64}\.json$/.test(decodeURIComponent(url));

test("a slow or endless document ends the installation", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  market.intercept((request, response) => {
    if (!isDocument(request.url)) return false;
    response.writeHead(200);
    const more = () => response.destroyed || response.write(Buffer.alloc(1_000_000, 32), more);
    more();
    return true;
  });
  const host = await fixture.open();
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("network_bad_answer");
  market.intercept((request, response) => {
    if (!isDocument(request.url)) return false;
    response.writeHead(302, { location: "http://127.0.0.2:1/elsewhere" });
    response.end();
    return true;
  });
  expect(await codeOf(host.install(HELLO, { grant: "requested" }))).toBe("network_bad_answer");
  market.intercept((request, response) => {
    answerFile(request, response, undefined);
    return true;
  });
  await host.close();
});
