import { env } from "cloudflare:workers";
import {
  openRelease,
  pluginDocumentSchema,
  sha256Hex,
  signingKeyFromSeed,
} from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { signingKey } from "../env.ts";
import { advance } from "../log/advance.ts";
import { counting, failingAt } from "../testing-bindings.ts";
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

let acme: Account;
const hello = { name: "@acme/hello", version: "1.0.0" };

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
});

async function readDocument(name: string) {
  const response = await call(`/index/${name}.json`);
  return response.ok ? pluginDocumentSchema.parse(await response.json()) : null;
}

async function servedSha256(path: string): Promise<string> {
  const response = await call(path);
  expect(response.status).toBe(200);
  return sha256Hex(new Uint8Array(await response.arrayBuffer()));
}

describe("PUT a version", () => {
  test("lists, documents, states and serves it, and finds it by search", async () => {
    const bundle = await buildBundle(acme.key, hello);
    const sha256 = await sha256Hex(bundle);
    const answer = await publish(hello, bundle, acme);
    expect(answer.status).toBe(201);
    expect(await answer.json()).toEqual({
      status: "published",
      version: "1.0.0",
      sha256,
      findings: [],
    });

    const version = await call("/v1/plugins/@acme/hello/versions/1.0.0");
    expect(await version.json()).toMatchObject({ sha256, channels: ["latest"], yanked: false });
    expect((await readDocument(hello.name))?.versions[0]?.sha256).toBe(sha256);
    expect(await servedSha256(`/b/${sha256}.rbsm`)).toBe(sha256);
    const page = await call("/v1/plugins?q=hello");
    expect(await page.json()).toMatchObject({ items: [{ name: "@acme/hello" }] });
    const detail = await call("/v1/plugins/@acme/hello");
    expect(await detail.json()).toMatchObject({ channels: { latest: "1.0.0" } });
  });

  test("waits for a person when the files hide something, whatever the policy says", async () => {
    const target = { name: "@acme/hidden", version: "1.0.0" };
    const code = "export default { methods: { hello() { return '\u202e'; } } };";
    const answer = await publish(
      target,
      await buildBundle(acme.key, target, { "index.js": code }),
      acme,
    );
    expect(await answer.json()).toMatchObject({
      status: "in_review",
      findings: [{ rule: "scan_bidi", path: expect.stringMatching(/^index\.js:1:/) }],
    });
    expect(await readDocument(target.name)).toBeNull();
  });

  test("signs a release statement that binds the bytes to plugin, version and order", async () => {
    const release = await call("/index/@acme/hello/1.0.0.release.json");
    const { publicKey } = await signingKey(env, "RELEASE_KEY");
    const bytes = new Uint8Array(await release.arrayBuffer());
    const expected = { plugin: hello.name, version: hello.version };
    const statement = await openRelease(bytes, () => publicKey, expected);
    expect(statement).toMatchObject({ seq: 1, publisherKeyId: acme.key.keyId });
  });

  test("answers 200 to the same bytes again and changes nothing", async () => {
    const before = await readDocument(hello.name);
    const answer = await publish(hello, await buildBundle(acme.key, hello), acme);
    expect(answer.status).toBe(200);
    expect(await readDocument(hello.name)).toEqual(before);
  });

  test("refuses other bytes for a version that exists", async () => {
    const other = await buildBundle(acme.key, hello, { "other.js": "1" });
    expect(await refusal(await publish(hello, other, acme))).toEqual([
      409,
      "conflict_version_exists",
    ]);
  });

  test("refuses a version that would make the document longer than hosts read", async () => {
    const name = "@acme/long";
    const send = async (version: string) =>
      publish({ name, version }, await buildBundle(acme.key, { name, version }), acme);
    for (const version of ["1.0.0", "1.0.1"]) expect((await send(version)).ok).toBe(true);
    const network = "json_array(hex(zeroblob(700000)))";
    const sql = `UPDATE versions SET manifest = json_set(manifest, '$.network', ${network})
      WHERE plugin = '${name}'`;
    await env.DB.prepare(sql).run();
    expect(await refusal(await send("1.0.2"))).toEqual([409, "conflict_state"]);
    expect((await send("1.0.1")).status).toBe(200);
  });

  test("reads no more than ten rows for the detail and a version", async () => {
    for (const path of ["", "/versions/1.0.0", "/versions"]) {
      const { bindings, count } = counting(env);
      await call("/v1/plugins/@acme/none", {}, bindings); // The schema is asked about once.
      Object.assign(count, { queries: 0, rowsRead: 0 });
      await call(`/v1/plugins/@acme/hello${path}`, {}, bindings);
      expect(count.queries).toBeGreaterThan(0);
      expect(count.rowsRead).toBeLessThanOrEqual(10);
    }
  });
});

describe("PUT refuses", () => {
  const target = { name: "@acme/bad", version: "1.0.0" };
  const put = async (headers: Record<string, string>, body: BodyInit) =>
    refusal(
      await call("/v1/plugins/@acme/bad/versions/1.0.0", {
        method: "PUT",
        headers: { Authorization: `Bearer ${acme.token}`, ...headers },
        body,
      }),
    );

  test("a body without Content-Length, or with a wrong one", async () => {
    const bundle = await buildBundle(acme.key, target);
    expect(await put({}, new Response(bundle).body ?? "")).toEqual([411, "request_length"]);
    const length = String(bundle.length + 1);
    expect(await put({ "Content-Length": length }, bundle)).toEqual([411, "request_length"]);
    const short = String(bundle.length - 1);
    expect(await put({ "Content-Length": short }, bundle)).toEqual([411, "request_length"]);
  });

  test("a body over the limit before reading it", async () => {
    const headers = { "Content-Length": String(10 * 1024 * 1024 + 1) };
    expect(await put(headers, "x")).toEqual([422, "bundle_too_large"]);
  });

  test("what is no bundle", async () => {
    const answer = await publish(target, new Uint8Array(100), acme);
    expect((await refusal(answer))[1]).toMatch(/^bundle_/);
  });

  test("every mistake of the manifest at once", async () => {
    const { content } = await tamperedManifest();
    const answer = await publish(target, content, acme);
    expect(answer.status).toBe(422);
    const { findings } = (await answer.json()) as { findings: unknown[] };
    expect(findings.length).toBeGreaterThanOrEqual(3);
  });

  async function tamperedManifest() {
    const { packBundle, utf8 } = await import("@rising-bsm/protocol");
    const manifest = { name: "Bad", version: "1", main: "../x", permissons: [], dependencies: {} };
    const files = new Map([
      ["index.js", utf8("1")],
      ["manifest.json", utf8(JSON.stringify(manifest))],
    ]);
    return { content: packBundle(files) };
  }

  test("another plugin or version than the address says, and an unknown key, in one answer", async () => {
    const stranger = await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
    const bundle = await buildBundle(stranger, { name: "@acme/other", version: "2.0.0" });
    const answer = await publish(target, bundle, acme);
    expect(answer.status).toBe(422);
    const { findings } = (await answer.json()) as { findings: { rule: string }[] };
    expect(findings.map(({ rule }) => rule)).toEqual([
      "manifest_mismatch",
      "manifest_mismatch",
      "signature_untrusted_key",
    ]);
  });

  test("a system plugin from anybody but the administrator", async () => {
    const system = { ...target, type: "system" };
    const bundle = await buildBundle(acme.key, system);
    expect((await publish(target, bundle, acme)).status).toBe(422);
    const asAdmin = await publish(target, bundle, { token: env.ADMIN_TOKEN });
    expect(asAdmin.status).toBe(201);
  });

  test("tokens without the permission, the scope or the publisher", async () => {
    const globex = await createAccount("globex");
    const bundle = await buildBundle(acme.key, target);
    const readOnly = await createToken({ publisher: "acme", permissions: ["yank"] });
    await send("POST", "/v1/scopes", { body: { scope: "@acme-labs", publisher: "acme" } });
    const elsewhere = await createToken({ publisher: "acme", scope: "@acme-labs" });
    for (const token of [globex.token, readOnly, elsewhere]) {
      expect(await refusal(await publish(target, bundle, { token }))).toEqual([403, "auth_scope"]);
    }
    const nobody = { name: "@nobody/x", version: "1.0.0" };
    expect(await refusal(await publish(nobody, bundle, acme))).toEqual([403, "auth_scope"]);
  });
});

test("two publishes of one version with different bytes leave one winner, fifty times", async () => {
  for (let round = 0; round < 50; round++) {
    const target = { name: "@acme/raced", version: `1.0.${round}` };
    const bundles = await Promise.all(
      ["a", "b"].map((text) => buildBundle(acme.key, target, { "x.txt": text })),
    );
    const answers = await Promise.all(bundles.map((bundle) => publish(target, bundle, acme)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409]);

    const listed = await call(`/v1/plugins/${target.name}/versions/${target.version}`);
    const { sha256 } = (await listed.json()) as { sha256: string };
    const digests = await Promise.all(bundles.map(sha256Hex));
    expect(sha256).toBe(digests[answers.findIndex(({ status }) => status === 201)]);
    expect(await servedSha256(`/b/${sha256}.rbsm`)).toBe(sha256);
    const loser = digests.find((digest) => digest !== sha256);
    expect((await call(`/b/${loser}.rbsm`)).status).toBe(403);
  }
  expect((await readDocument("@acme/raced"))?.versions).toHaveLength(50);
});

test("different versions published at once are all in the document", async () => {
  const targets = Array.from({ length: 8 }, (_, i) => ({
    name: "@acme/many",
    version: `1.${i}.0`,
  }));
  const answers = await Promise.all(
    targets.map(async (target) => publish(target, await buildBundle(acme.key, target), acme)),
  );
  expect(answers.map(({ status }) => status)).toEqual(targets.map(() => 201));
  const document = await readDocument("@acme/many");
  expect(document?.versions.map(({ version }) => version)).toEqual(
    targets.map(({ version }) => version).toReversed(),
  );
  expect(document?.channels).toEqual({ latest: "1.7.0" });
});

describe("a write that goes wrong", () => {
  /** What must hold after any crash: whatever is listed can be fetched, and is what is listed. */
  async function assertListedIsServed(name: string): Promise<void> {
    for (const { sha256, version } of (await readDocument(name))?.versions ?? []) {
      expect(await servedSha256(`/b/${sha256}.rbsm`)).toBe(sha256);
      expect((await call(`/index/${name}/${version}.release.json`)).status).toBe(200);
    }
    const listed = await call(`/v1/plugins/${name}/versions`);
    if (!listed.ok) return;
    const { items } = (await listed.json()) as { items: { sha256: string; version: string }[] };
    const documented = (await readDocument(name))?.versions.map(({ version }) => version) ?? [];
    for (const item of items) expect(documented).toContain(item.version);
  }

  async function assertPublished(target: typeof hello): Promise<void> {
    const version = await call(`/v1/plugins/${target.name}/versions/${target.version}`);
    expect(version.status).toBe(200);
    expect((await call(`/v1/plugins/${target.name}`)).status).toBe(200);
    expect((await readDocument(target.name))?.versions).toHaveLength(1);
    const rows = await env.DB.prepare("SELECT count(*) AS n FROM audit WHERE subject = ?")
      .bind(`${target.name}@${target.version}`)
      .first("n");
    expect(rows).toBe(1);
  }

  for (const fault of ["failed", "failed but stored"] as const) {
    for (const finish of ["the same upload again", "cron"] as const) {
      test(`${fault} at any step is finished by ${finish}`, async () => {
        for (let nth = 1; ; nth++) {
          const name = `@acme/crash-${fault.length}-${finish.length}-${nth}`;
          const target = { name, version: "1.0.0" };
          const bundle = await buildBundle(acme.key, target);
          const { bindings, hit } = failingAt(env, nth, fault);
          const first = await publish(target, bundle, { token: acme.token, bindings });
          if (!hit()) {
            expect(first.status).toBe(201);
            expect(nth).toBeGreaterThan(8);
            break;
          }
          // What it shows of itself fails no publish.
          if (first.ok) await assertPublished(target);
          else expect(first.status).toBe(500);
          await assertListedIsServed(name);
          if (finish === "cron") await advance(env, new Date(Date.now() + 120_000));
          else expect((await publish(target, bundle, acme)).ok).toBe(true);
          const claimed = await env.DB.prepare("SELECT 1 FROM versions WHERE plugin = ?")
            .bind(name)
            .first();
          if (claimed !== null) await assertPublished(target);
          else expect((await call(`/v1/plugins/${name}`)).status).toBe(404);
        }
      });
    }
  }
});
