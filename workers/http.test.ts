import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { app } from "./app.ts";
import { call, refusal, resetMarketplace } from "./testing.ts";

beforeAll(resetMarketplace);

describe("a method that the address does not answer", () => {
  test.each([
    ["POST", "/health", "GET, HEAD"],
    ["GET", "/v1/publishers", "POST"],
    ["OPTIONS", "/v1/publishers", "POST"],
    ["PATCH", "/v1/plugins/@acme/hello/versions/1.0.0", "GET, HEAD, PUT"],
    ["PUT", "/tuf/timestamp.json", "GET, HEAD"],
    ["DELETE", "/openapi.json", "GET, HEAD"],
    ["POST", "/", "GET, HEAD"],
    ["POST", "/plugins/@acme/hello", "GET, HEAD"],
  ])("%s %s is refused, and what it answers is named", async (method, path, allow) => {
    const response = await call(path, { method });
    expect(response.headers.get("allow")).toBe(allow);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await refusal(response)).toEqual([405, "request_method"]);
  });

  test("is no matter where nothing is", async () => {
    expect(await refusal(await call("/v1/nothing", { method: "POST" }))).toEqual([
      404,
      "not_found",
    ]);
  });
});

describe("a body", () => {
  test.each(["GET", "HEAD"])("of a %s request is not looked at", async (method) => {
    const request = new Request("https://marketplace.test/health", {
      headers: { "Content-Type": "application/json" },
    });
    // No client here can send one; over the network it arrives like this.
    const withBody = new Proxy(request, {
      get(target, property) {
        if (property === "method") return method;
        if (property === "body") return new Blob(["{}"]).stream();
        const member: unknown = Reflect.get(target, property, target);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    expect((await app.fetch(withBody, env)).status).toBe(200);
  });

  test("that must be JSON is read up to its limit, whatever it says it is", async () => {
    const init = { method: "POST", body: "x".repeat(65 * 1024) };
    for (const type of ["application/json", "text/plain"]) {
      const headers = { "Content-Type": type, "Rbsm-Proof": "a.b.c" };
      const response = await call("/v1/instances", { ...init, headers });
      expect([type, await refusal(response)]).toEqual([type, [413, "limit_body"]]);
    }
  });
});

test("the scheme of a token is read in any case", async () => {
  for (const scheme of ["bearer", "BEARER"]) {
    const headers = { Authorization: `${scheme} ${env.ADMIN_TOKEN}` };
    expect((await call("/v1/review-queue", { headers })).status).toBe(200);
  }
});
