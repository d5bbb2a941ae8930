import { env } from "cloudflare:workers";
import { downloadResultSchema } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { createAccount, refusal, resetMarketplace, send } from "../testing.ts";
import { activate, activeLicense, giveBack, leaseOf, tryRenew } from "./sample-activation.ts";
import { registerInstance, sendSigned } from "./sample-instance.ts";
import type { SampleInstance } from "./sample-instance.ts";
import { PLUGIN, publishPaidPlugin } from "./sample-plugin.ts";

beforeAll(async () => {
  await resetMarketplace();
  await publishPaidPlugin(await createAccount("demo"));
});

const wanted = { plugin: PLUGIN, version: "1.0.0" };

function download(instance: SampleInstance, body: { readonly lease: string }) {
  return sendSigned(instance.key, "/v1/downloads", { body: { ...wanted, ...body } });
}

async function expectLink(answer: Response): Promise<void> {
  expect(downloadResultSchema.parse(await answer.json()).url).toContain("m=");
}

describe("a lease that has not ended opens nothing more", () => {
  test("once its payment was refunded", async () => {
    const { instance, lease, licenseId } = await activeLicense();
    const pay = (payment: string) =>
      env.DB.prepare("UPDATE licenses SET payment = ? WHERE id = ?").bind(payment, licenseId).run();
    await pay("disputed");
    await expectLink(await download(instance, { lease }));
    await pay("refunded");
    expect(await refusal(await download(instance, { lease }))).toEqual([403, "license_refused"]);
  });

  test("once its license was revoked; a suspension waits for the renewal", async () => {
    const { instance, lease, licenseId } = await activeLicense();
    await send("POST", `/v1/licenses/${licenseId}/suspend`);
    await expectLink(await download(instance, { lease }));
    await send("POST", `/v1/licenses/${licenseId}/revoke`);
    expect(await refusal(await download(instance, { lease }))).toEqual([403, "license_refused"]);
  });

  test("once it was returned, until the license is activated again", async () => {
    const held = await activeLicense();
    await giveBack(held.instance, held);
    const { instance, lease } = held;
    expect(await refusal(await download(instance, { lease }))).toEqual([403, "license_refused"]);
    const again = await activate(instance, held.licenseKey);
    await expectLink(await download(instance, { lease: again.lease }));
  });
});

test("a database that was set back refuses nobody", async () => {
  const { instance, lease, licenseId, activationId } = await activeLicense();
  const newer = await leaseOf(await tryRenew(instance, { activationId, seq: 1, rid: "next" }));
  await env.DB.prepare("UPDATE activations SET seq = 1, ended_at = 1 WHERE id = ?")
    .bind(activationId)
    .run();
  expect((await download(instance, { lease })).status).toBe(403);
  await expectLink(await download(instance, { lease: newer }));
  for (const [table, column] of [
    ["activations", "license_id"],
    ["licenses", "id"],
  ]) {
    await env.DB.prepare(`DELETE FROM ${table} WHERE ${column} = ?`).bind(licenseId).run();
    await expectLink(await download(instance, { lease }));
  }
});

test("which releases there are is told to those alone who have a license of the plugin", async () => {
  const { instance, lease } = await activeLicense();
  const answer = async (body: { plugin?: string; version?: string; lease: string }) =>
    refusal(await download(instance, body));
  expect(await answer({ version: "9.0.0", lease })).toEqual([404, "plugin_not_found"]);
  const stranger = await registerInstance();
  for (const version of ["1.0.0", "9.0.0"]) {
    for (const shown of [lease, "", "a.b.c"]) {
      const refused = await refusal(
        await sendSigned(stranger.key, "/v1/downloads", {
          body: { plugin: PLUGIN, version, lease: shown },
        }),
      );
      expect(refused, version).toEqual([403, "license_refused"]);
    }
    const other = { plugin: "@demo/other", version, lease };
    expect(await answer(other)).toEqual([403, "license_refused"]);
  }
});
