import { env } from "cloudflare:workers";
import { sha256Hex } from "@rising-bsm/protocol";
import { beforeEach, expect, test } from "vitest";
import {
  buildBundle,
  call,
  createAccount,
  publish,
  refusal,
  resetMarketplace,
  send,
} from "../testing.ts";
import type { Account } from "../testing.ts";
import { sampleCeremony, uploadTrust } from "../trust/sample-ceremony.ts";
import { advance } from "./advance.ts";
import { auditMarketplace, readWholeLog } from "./sample-auditor.ts";
import { recoverAll, restore, snapshot } from "./sample-restore.ts";

let acme: Account;
let globex: Account | undefined;

beforeEach(async () => {
  await resetMarketplace();
  const expires = new Date(Date.now() + 365 * 86_400_000);
  expect((await uploadTrust(await sampleCeremony({ expires }))).status).toBe(200);
  acme = await createAccount("acme");
});

const paid = { pricing: { plans: [{ id: "pro", kind: "perpetual" }] } };

async function publishNew(name: string, version: string, extra: object = {}) {
  const by = name.startsWith("@globex/") ? (globex ?? acme) : acme;
  const target = { name, version };
  return publish(target, await buildBundle(by.key, { ...target, ...extra }), by);
}

test("a database that was set back publishes nothing, and serves on", async () => {
  await publishNew("@acme/hello", "1.0.0");
  const before = await snapshot();
  await publishNew("@acme/hello", "1.1.0");
  await restore(before);
  const ahead = [503, "log_ahead"];
  expect(await refusal(await publishNew("@acme/hello", "1.2.0"))).toEqual(ahead);
  const yank = "/v1/plugins/@acme/hello/versions/1.0.0/yank";
  expect(await refusal(await send("POST", yank, { body: { reason: "x" } }))).toEqual(ahead);
  await expect(advance(env)).rejects.toMatchObject({ code: "log_ahead" });
  expect(await refusal(await send("POST", "/v1/publishers", { body: {} }))).toEqual(ahead);
  for (const path of ["/v1/plugins/@acme/hello", "/index/@acme/hello.json", "/log/checkpoint"]) {
    expect((await call(path)).status).toBe(200);
  }
});

test("is brought up to what was published since, and the log goes on in one line", async () => {
  await publishNew("@acme/hello", "1.0.0");
  const before = await snapshot();
  globex = await createAccount("globex");
  await publishNew("@acme/hello", "1.1.0");
  await publishNew("@acme/sold", "1.0.0", paid);
  await publishNew("@globex/new", "1.0.0");
  const mark = { body: { reason: "Loses data" } };
  await send("POST", "/v1/plugins/@acme/hello/versions/1.0.0/yank", mark);
  const entries = await auditMarketplace();
  const rows =
    "SELECT plugin, version, seq, sha256, paid, manifest, log_index, yanked_reason, status FROM versions ORDER BY seq";
  const wanted = (await env.DB.prepare(rows).all()).results;

  await restore(before);
  expect(await recoverAll()).toEqual([]);
  expect((await env.DB.prepare(rows).all()).results).toEqual(wanted);
  expect(await auditMarketplace()).toEqual(entries);

  const other = await buildBundle(
    acme.key,
    { name: "@acme/hello", version: "1.1.0" },
    { "x.txt": "x" },
  );
  const again = await publish({ name: "@acme/hello", version: "1.1.0" }, other, acme);
  expect(await refusal(again)).toEqual([409, "conflict_version_exists"]);
  expect((await publishNew("@acme/hello", "1.2.0")).status).toBe(201);
  const longer = await auditMarketplace();
  expect(longer.slice(0, entries.length)).toEqual(entries);
  expect(longer).toHaveLength(entries.length + 1);
});

test("a change that waited at the restore point is logged once", async () => {
  await publishNew("@acme/hello", "1.0.0");
  await env.DB.exec("UPDATE heads SET holder = 'crashed', held_until = 1e15");
  const publishing = publishNew("@acme/hello", "1.1.0");
  const enrolling = createAccount("globex");
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const before = await snapshot();
  await env.DB.exec("UPDATE heads SET holder = NULL, held_until = 0");
  expect((await publishing).status).toBe(201);
  await enrolling;
  const entries = await auditMarketplace();
  await restore({
    ...before,
    heads: before["heads"]?.map((row) => ({ ...row, held_until: 0 })) ?? [],
  });
  expect(await recoverAll()).toEqual([]);
  expect(await auditMarketplace()).toEqual(entries);
});

test("entries whose checkpoint never came out are kept: a proof of them may have been given away", async () => {
  await publishNew("@acme/hello", "1.0.0");
  const before = await snapshot();
  const checkpoint = await (await env.BUNDLES.get("log/checkpoint"))?.text();
  await publishNew("@acme/hello", "1.1.0");
  const entries = await readWholeLog();
  await restore(before);
  const options = { customMetadata: { order: String(entries.length - 1) } };
  await env.BUNDLES.put("log/checkpoint", checkpoint ?? "", options);
  expect(await refusal(await publishNew("@acme/other", "1.0.0"))).toEqual([503, "log_ahead"]);
  expect(await recoverAll()).toEqual([]);
  expect(await auditMarketplace()).toEqual(entries);
});

test("a paid release whose bytes are gone is named, and its version is never given again", async () => {
  await publishNew("@acme/hello", "1.0.0");
  const before = await snapshot();
  const bundle = await buildBundle(acme.key, { name: "@acme/sold", version: "1.0.0", ...paid });
  await publish({ name: "@acme/sold", version: "1.0.0" }, bundle, acme);
  await restore(before);
  await env.PRIVATE.delete(`b/${await sha256Hex(bundle)}.rbsm`);
  const lost = await recoverAll();
  expect(lost).toMatchObject([{ plugin: "@acme/sold", version: "1.0.0" }]);
  expect(lost[0]?.reason).toContain(await sha256Hex(bundle));
  const answer = await publishNew("@acme/sold", "1.0.0", { ...paid, keywords: ["other"] });
  expect(await refusal(answer)).toEqual([409, "conflict_version_exists"]);
  expect((await publishNew("@acme/sold", "1.0.1", paid)).status).toBe(201);
});

test("a log that does not lead to its checkpoint restores nothing", async () => {
  await publishNew("@acme/hello", "1.0.0");
  const before = await snapshot();
  await publishNew("@acme/hello", "1.1.0");
  const size = (await readWholeLog()).length;
  await restore(before);
  const key = `log/tile/entries/000.p/${size}`;
  const bytes = new Uint8Array((await (await env.BUNDLES.get(key))?.arrayBuffer()) ?? []);
  const at = new TextDecoder("latin1").decode(bytes).lastIndexOf("1.1.0");
  bytes[at] = 0x32;
  await env.BUNDLES.put(key, bytes);
  const answer = await send("POST", "/v1/log/recover", { body: { step: "verify", from: 0 } });
  expect((await refusal(answer))[1]).toBe("trust_log_invalid");
  const skipped = await send("POST", "/v1/log/recover", { body: { step: "restore", from: 0 } });
  expect((await refusal(skipped))[1]).toBe("trust_log_invalid");
  expect(await refusal(await publishNew("@acme/hello", "1.2.0"))).toEqual([503, "log_ahead"]);
});

test("a database that is in step loses nothing by it", async () => {
  await publishNew("@acme/hello", "1.0.0");
  const entries = await auditMarketplace();
  expect(await recoverAll()).toEqual([]);
  expect(await auditMarketplace()).toEqual(entries);
});
