import { env } from "cloudflare:workers";
import { versionStateSchema } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import {
  buildBundle,
  call,
  createAccount,
  createToken,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import type { Account } from "../testing.ts";

const target = { name: "@acme/waiting", version: "1.0.0" };
const path = `/v1/plugins/${target.name}/versions/${target.version}`;
let acme: Account;
let globex: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
  globex = await createAccount("globex");
  const bindings = { ...env, REVIEW_POLICY: "first-release" };
  await publish(target, await buildBundle(acme.key, target), { token: acme.token, bindings });
});

async function stateFor(token: string) {
  const answer = await send("GET", path, { token });
  expect(answer.headers.get("cache-control")).toBe("no-store");
  return versionStateSchema.parse(await answer.json());
}

describe("a version in review", () => {
  test("is shown to its publisher and the administrator, and has no date yet", async () => {
    const anyToken = await createToken({ publisher: "acme", permissions: ["keys"] });
    for (const token of [acme.token, anyToken, env.ADMIN_TOKEN]) {
      expect(await stateFor(token)).toMatchObject({
        version: "1.0.0",
        status: "in_review",
        publishedAt: null,
        channels: [],
      });
    }
  });

  test("is not there for anybody else", async () => {
    await send("POST", "/v1/scopes", { body: { scope: "@acme-labs", publisher: "acme" } });
    const elsewhere = await createToken({ publisher: "acme", scope: "@acme-labs" });
    expect(await refusal(await call(path))).toEqual([404, "plugin_not_found"]);
    for (const token of [globex.token, elsewhere]) {
      expect(await refusal(await send("GET", path, { token }))).toEqual([404, "plugin_not_found"]);
    }
    const guess = await send("GET", path, { token: "rbsm_pat_guess" });
    expect(await refusal(guess)).toEqual([401, "auth_refused"]);
  });

  test("that was refused says why, until it is approved", async () => {
    await send("POST", `${path}/reject`, { body: { reason: "No description" } });
    expect(await stateFor(acme.token)).toMatchObject({
      status: "rejected",
      statusReason: "No description",
    });
    expect((await call(path)).status).toBe(404);
    await send("POST", `${path}/approve`);
    const listed = versionStateSchema.parse(await (await call(path)).json());
    expect(listed).toMatchObject({ status: "published", publishedAt: expect.any(String) });
    expect(listed.statusReason).toBeUndefined();
  });

  test("that does not exist is not there for its publisher either", async () => {
    const missing = "/v1/plugins/@acme/waiting/versions/9.9.9";
    for (const token of [acme.token, env.ADMIN_TOKEN]) {
      expect((await send("GET", missing, { token })).status).toBe(404);
    }
    expect((await send("GET", "/v1/plugins/@acme/none/versions/1.0.0")).status).toBe(404);
  });
});
