import { env } from "cloudflare:workers";
import { osvEntrySchema, osvListSchema } from "@rising-bsm/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { call, refusal, resetMarketplace, send } from "../testing.ts";
import { sampleCeremony, uploadTrust } from "../trust/sample-ceremony.ts";

const ID = "RBSA-2026-0001";
const PATH = `/v1/advisories/${ID}`;
const request = {
  match: { plugin: "@acme/hello", versions: "<1.2.0 || >=2.0.0 <=2.1.0" },
  action: "block-install",
  reason: { en: `It loses data\n${"x".repeat(500)}`, de: "Es verliert Daten" },
  advisory: "https://acme.test/RBSA-2026-0001",
};

beforeEach(async () => {
  await resetMarketplace();
  await uploadTrust(await sampleCeremony());
});

async function entry() {
  return osvEntrySchema.parse(await (await call(`${PATH}.osv.json`)).json());
}

describe("an advisory in the form of OSV", () => {
  test("says what is affected, since when, and what hosts do", async () => {
    const began = Date.now();
    await send("PUT", PATH, { body: request });
    const answer = await call(`${PATH}.osv.json`);
    expect(answer.headers.get("cache-control")).toMatch(/^public, max-age=60/);
    const osv = osvEntrySchema.parse(await answer.json());
    expect(osv).toMatchObject({
      schema_version: "1.6.0",
      id: ID,
      summary: "It loses data",
      details: request.reason.en,
      affected: [
        {
          package: { ecosystem: "Rising-BSM", name: "@acme/hello" },
          ranges: [
            { type: "SEMVER", events: [{ introduced: "0" }, { fixed: "1.2.0" }] },
            { type: "SEMVER", events: [{ introduced: "2.0.0" }, { last_affected: "2.1.0" }] },
          ],
        },
      ],
      references: [{ type: "ADVISORY", url: request.advisory }],
      database_specific: { action: "block-install", match: request.match },
    });
    expect(Date.parse(osv.modified)).toBeGreaterThanOrEqual(began);
    expect(await (await call(PATH)).json()).toEqual(osv);
    expect(osvListSchema.parse(await (await call("/v1/advisories/osv.json")).json())).toEqual({
      vulns: [osv],
    });
  });

  test("says when it was changed and taken back, and is then in no list", async () => {
    await send("PUT", PATH, { body: request });
    const first = await entry();
    await env.DB.prepare("UPDATE audit SET at = at - 60000").run();
    await send("PUT", PATH, { body: { ...request, action: "warn" } });
    const second = await entry();
    expect(second.published).toBe(first.published);
    expect(second.modified > first.modified).toBe(true);
    expect(second.withdrawn).toBeUndefined();
    await send("DELETE", PATH);
    const { withdrawn, modified } = await entry();
    expect(withdrawn).toBe(modified);
    const list = await call("/v1/advisories/osv.json");
    expect(await list.json()).toEqual({ vulns: [] });
  });

  test.each([PATH, "/v1/advisories/osv.json"])(
    "at %s is not sent again until it changes",
    async (path) => {
      await send("PUT", PATH, { body: request });
      const etag = (await call(path)).headers.get("ETag") ?? "";
      const again = () => call(path, { headers: { "If-None-Match": etag } });
      const answer = await again();
      expect([answer.status, await answer.text()]).toEqual([304, ""]);
      expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
      await send("DELETE", PATH);
      expect((await again()).status).toBe(200);
    },
  );

  test("names releases that are known by their digest in the marketplace's own data", async () => {
    const match = { sha256: "a".repeat(64) };
    await send("PUT", PATH, { body: { ...request, match } });
    expect(await entry()).toMatchObject({ affected: [], database_specific: { match } });
  });

  test.each(["RBSA-2026-0002.osv.json", "RBSA-2026-0002", "x.json", ".osv.json"])(
    "%s is none",
    async (file) => {
      expect(await refusal(await call(`/v1/advisories/${file}`))).toEqual([404, "not_found"]);
    },
  );
});
