import { env } from "cloudflare:workers";
import { ADVISORIES_TARGET, advisoriesSchema } from "@rising-bsm/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { failingAt } from "../testing-bindings.ts";
import { call, refusal, resetMarketplace, send } from "../testing.ts";
import { sampleCeremony, uploadTrust } from "../trust/sample-ceremony.ts";
import { readTarget } from "../trust/sample-client.ts";

const request = {
  match: { plugin: "@acme/hello", versions: "<1.2.0" },
  action: "block-install",
  reason: { en: "It loses data", de: "Es verliert Daten" },
  advisory: "https://acme.test/RBSA-2026-0001",
};
const PATH = "/v1/advisories/RBSA-2026-0001";

beforeEach(resetMarketplace);

async function publicList(): Promise<unknown[]> {
  const { items } = await (await call("/v1/advisories")).json<{ items: unknown[] }>();
  return items;
}

async function signedList() {
  return advisoriesSchema.parse(await readTarget(ADVISORIES_TARGET)).entries;
}

async function recorded(): Promise<unknown[]> {
  const rows = await env.DB.prepare("SELECT action FROM audit WHERE subject LIKE 'RBSA%'").all();
  return rows.results.map(({ action }) => action);
}

describe("PUT /v1/advisories/{id}", () => {
  beforeEach(async () => {
    expect((await uploadTrust(await sampleCeremony())).status).toBe(200);
  });

  test("puts an advisory into the public and the signed list, and the same again changes nothing", async () => {
    const first = await send("PUT", PATH, { body: request });
    expect(first.status).toBe(200);
    const entry = await first.json();
    expect(entry).toMatchObject({ id: "RBSA-2026-0001", ...request });
    expect(await publicList()).toEqual([entry]);
    expect(await signedList()).toEqual([entry]);
    const again = await send("PUT", PATH, { body: request });
    expect(await again.json()).toEqual(entry);
    expect(await recorded()).toEqual(["advisory.put"]);
  });

  test("refuses to disable and names the offline way", async () => {
    const answer = await send("PUT", PATH, { body: { ...request, action: "disable" } });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({
      code: "trust_metadata_invalid",
      fix: expect.stringContaining("revocations.json"),
    });
    expect(await publicList()).toEqual([]);
    expect(await signedList()).toEqual([]);
  });

  test.each([
    ["a range that is none", { ...request, match: { plugin: "@acme/hello", versions: "new" } }],
    ["an address that is no web page", { ...request, advisory: "javascript:alert(1)" }],
    ["a member that it does not know", { ...request, severity: "high" }],
  ])("refuses %s", async (_, body) => {
    expect(await refusal(await send("PUT", PATH, { body }))).toEqual([400, "request_invalid"]);
  });

  test("refuses what would make the list longer than hosts read", async () => {
    const entry = JSON.stringify({ reason: "x".repeat(1_999_000) });
    for (const id of ["A", "B"]) {
      await env.DB.prepare("INSERT INTO advisories (id, entry) VALUES (?, ?)")
        .bind(id, entry)
        .run();
    }
    const reason = "x".repeat(2_000);
    const answer = await send("PUT", PATH, { body: { ...request, reason } });
    expect(await refusal(answer)).toEqual([409, "conflict_state"]);
    expect(await recorded()).toEqual([]);
  });

  for (const fault of ["failed", "failed but stored"] as const) {
    test(`a write that ${fault} is finished by the same request again`, async () => {
      for (let nth = 1; ; nth++) {
        const path = `/v1/advisories/RBSA-${nth}`;
        const { bindings, hit } = failingAt(env, nth, fault);
        const first = await send("PUT", path, { body: request, bindings });
        if (!hit()) return expect(nth).toBeGreaterThan(5);
        if (first.status === 200) continue;
        const second = await send("PUT", path, { body: request });
        expect([nth, second.status]).toEqual([nth, 200]);
        expect((await signedList()).map(({ id }) => id)).toContain(`RBSA-${nth}`);
        expect((await recorded()).length).toBe((await publicList()).length);
      }
    }, 120_000);
  }
});

test("DELETE /v1/advisories/{id} takes it out of both lists, once in the audit", async () => {
  await uploadTrust(await sampleCeremony());
  await send("PUT", PATH, { body: request });
  for (let i = 0; i < 2; i++) expect((await send("DELETE", PATH)).status).toBe(204);
  expect(await publicList()).toEqual([]);
  expect(await signedList()).toEqual([]);
  expect(await recorded()).toEqual(["advisory.put", "advisory.withdraw"]);
  await send("PUT", PATH, { body: request });
  expect(await signedList()).toHaveLength(1);
});

test("an advisory from before the first ceremony is published with it", async () => {
  expect((await send("PUT", PATH, { body: request })).status).toBe(200);
  await uploadTrust(await sampleCeremony());
  expect(await signedList()).toHaveLength(1);
});
