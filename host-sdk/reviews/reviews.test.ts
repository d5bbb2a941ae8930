import { type Review, reviewRequestSchema, verifyProof } from "@rising-bsm/protocol";
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PluginHost } from "../host.ts";
import { HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

let fixture: HostFixture;
let host: PluginHost;
/** What the marketplace has of this instance, and what signed the requests, when. */
let stored: Review[];
let keys: Set<string>;
let signedAt: number[];
let refusal: { status: number; code: string } | null;

beforeEach(async () => {
  fixture = await createHostFixture();
  [stored, keys, signedAt, refusal] = [[], new Set(), [], null];
  fixture.market.intercept((request, response) => {
    if (request.url?.includes("/reviews") !== true) return false;
    void receive(request, response);
    return true;
  });
  for (const version of ["1.0.0", "2.0.0"]) await fixture.market.publish({ name: HELLO, version });
  host = await fixture.open({ beacons: false });
  await host.install(HELLO, { version: "1.0.0" });
});
afterEach(() => fixture.close());

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "", url = "" } = request;
  const body = Buffer.concat(await request.toArray());
  const proof = await verifyProof(String(request.headers["rbsm-proof"]), {
    method,
    url: fixture.market.url + url,
    body,
    now: new Date(),
    maxAgeS: 60,
  });
  keys.add(proof.instanceKeyJkt);
  signedAt.push(proof.iat);
  const answer = (status: number, value?: unknown) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(value === undefined ? undefined : JSON.stringify(value));
  };
  if (refusal !== null) return answer(refusal.status, { ...refusal, title: refusal.code });
  if (method === "GET") return answer(200, { items: stored });
  if (method === "DELETE") {
    stored = stored.filter(({ id }) => !url.endsWith(id));
    return answer(204);
  }
  const { version = "", ...said } = reviewRequestSchema.parse(JSON.parse(body.toString()));
  const at = new Date().toISOString();
  const times = { createdAt: at, updatedAt: at, reply: null, hidden: null };
  const review = { id: crypto.randomUUID(), ...said, version, ...times };
  stored = [review, ...stored.filter((other) => other.version !== version)];
  return answer(200, review);
}

describe("a host", () => {
  test("reviews the installed version with its own key, reads that back and takes it away", async () => {
    expect(await host.ownReview(HELLO)).toBeNull();
    const review = await host.review(HELLO, { rating: 4, title: "Works" });
    expect(review).toMatchObject({ rating: 4, title: "Works", text: "", version: "1.0.0" });
    expect(await host.ownReview(HELLO)).toEqual(review);
    await host.update(HELLO, { version: "2.0.0" });
    expect(await host.ownReview(HELLO)).toBeNull();
    await host.deleteReview(HELLO);
    expect(stored).toEqual([review]);
    await host.rollback(HELLO);
    await host.deleteReview(HELLO);
    expect(stored).toEqual([]);
    expect(keys.size).toBe(1);
  });

  test("sends nothing that is no review, or of a plugin that is not installed", async () => {
    await expect(host.review(HELLO, { rating: 6 })).rejects.toMatchObject({
      code: "request_invalid",
      detail: { findings: [{ path: "rating" }] },
    });
    await expect(host.review("@acme/none", { rating: 5 })).rejects.toMatchObject({
      code: "plugin_not_found",
    });
    expect(keys.size).toBe(0);
  });

  test("orders its changes by their seconds, and reads as often as it likes", async () => {
    const start = Math.floor(Date.now() / 1_000);
    for (let reads = 0; reads < 9; reads++) await host.ownReview(HELLO);
    await host.review(HELLO, { rating: 4 });
    await host.review(HELLO, { rating: 5 });
    const end = Math.ceil(Date.now() / 1_000);
    const [changed = 0, changedAgain = 0] = signedAt.slice(-2);
    expect(Math.max(...signedAt.slice(0, -1))).toBeLessThanOrEqual(end);
    expect(Math.min(...signedAt)).toBeGreaterThanOrEqual(start);
    expect(changedAgain).toBeGreaterThan(changed);
  });

  test("passes on why the marketplace refuses", async () => {
    refusal = { status: 403, code: "auth_not_held" };
    await expect(host.review(HELLO, { rating: 5 })).rejects.toMatchObject({
      code: "auth_not_held",
    });
  });
});

describe("/api/plugins/@s/n/review", () => {
  const request = (method: string, permissions: string[], body?: object) =>
    host.handle(
      new Request(`http://host.test/plugins/api/plugins/${HELLO}/review`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
      { actor: { id: "1", permissions }, base: "/plugins" },
    );

  test("gives, writes and deletes the review, for who may", async () => {
    const written = await request("PUT", ["plugin.manage"], { rating: 5, text: "Good" });
    expect([written.status, await written.json()]).toMatchObject([200, { data: { rating: 5 } }]);
    const shown = await request("GET", ["plugin.view"]);
    expect(await shown.json()).toMatchObject({ data: { text: "Good" } });
    for (const method of ["PUT", "DELETE"]) {
      expect((await request(method, ["plugin.view"])).status).toBe(403);
    }
    expect((await request("PUT", ["plugin.manage"], { rating: 5, version: "9.9.9" })).status).toBe(
      400,
    );
    expect(await (await request("DELETE", ["plugin.manage"])).json()).toEqual({ data: null });
    expect(await (await request("GET", ["plugin.view"])).json()).toEqual({ data: null });
    expect(stored).toEqual([]);
  });
});
