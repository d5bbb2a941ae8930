import { env } from "cloudflare:workers";
import {
  activationResultSchema,
  bundlePath,
  catalogCheckResultSchema,
  downloadResultSchema,
  licenseResultSchema,
  pluginDetailSchema,
  pluginPageSchema,
  sha256Hex,
  versionListSchema,
} from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { registerInstance, sendSigned } from "../licenses/sample-instance.ts";
import { recoverAll, restore, snapshot } from "../log/sample-restore.ts";
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

let acme: Account;
let globex: Account;

beforeAll(async () => {
  await resetMarketplace();
  const expires = new Date(Date.now() + 365 * 86_400_000);
  expect((await uploadTrust(await sampleCeremony({ expires }))).status).toBe(200);
  acme = await createAccount("acme");
  globex = await createAccount("globex");
  await release("@acme/open", "1.0.0", "public");
  await release("@acme/veiled", "1.0.0", "unlisted");
  await release("@acme/secret", "1.0.0", "private");
});

/** Publishes a release and answers the path of its bytes. */
async function release(name: string, version: string, visibility: string): Promise<string> {
  const manifest = { name, version, visibility, displayName: `Whistle ${visibility}` };
  const bundle = await buildBundle(acme.key, { ...manifest, categories: ["finance"] });
  expect((await publish({ name, version }, bundle, acme)).status).toBe(201);
  return bundlePath(await sha256Hex(bundle));
}

async function found(query: string) {
  return pluginPageSchema.parse(await (await call(`/v1/plugins?${query}`)).json());
}

const page = (name: string) => call(`/plugins/${name}`, { headers: { Accept: "text/html" } });

describe("a plugin that is unlisted", () => {
  const path = "/v1/plugins/@acme/veiled";

  test("is found by no search, no browsing, no count and no correction of a word", async () => {
    const all = await found("");
    expect(all.items.map(({ name }) => name)).toEqual(["@acme/open"]);
    expect(all.facets).toMatchObject({ category: { finance: 1 } });
    for (const query of ["q=whistle", "q=veiled", "q=secret", "sort=new", "price=paid"]) {
      const names = (await found(query)).items.map(({ name }) => name);
      expect(names.filter((name) => name !== "@acme/open")).toEqual([]);
    }
    expect((await found("q=vieled")).didYouMean).toBeUndefined();
    expect(await (await page("")).text()).not.toContain("veiled");
  });

  test("has its page and its place in the API under its name", async () => {
    const detail = pluginDetailSchema.parse(await (await call(path)).json());
    expect(detail).toMatchObject({
      name: "@acme/veiled",
      visibility: "unlisted",
      plans: [{ id: "access", kind: "free" }],
    });
    expect((await call(`${path}/versions`)).status).toBe(200);
    expect((await call(`${path}/versions/1.0.0`)).status).toBe(200);
    const shown = await page("@acme/veiled");
    expect(shown.status).toBe(200);
    const html = await shown.text();
    expect(html).toContain('name="robots" content="noindex"');
    expect(html).toContain("Not listed");
  });

  test("is installed with a license of the one plan that it has", async () => {
    const body = { plugin: "@acme/veiled", plan: "access" };
    const issued = await send("POST", "/v1/licenses", { body, token: acme.token });
    const { licenseKey } = licenseResultSchema.parse(await issued.json());
    const instance = await registerInstance();
    const activated = await sendSigned(instance.key, "/v1/licenses/activate", {
      body: { licenseKey, plugin: "@acme/veiled", instanceId: instance.id },
    });
    const { lease } = activationResultSchema.parse(await activated.json());
    const link = await sendSigned(instance.key, "/v1/downloads", {
      body: { plugin: "@acme/veiled", version: "1.0.0", lease },
    });
    const { url } = downloadResultSchema.parse(await link.json());
    const { pathname, search } = new URL(url);
    expect((await call(pathname + search)).status).toBe(200);
    expect(await refusal(await call(pathname))).toEqual([403, "license_refused"]);
  });
});

describe("a plugin that is private", () => {
  const path = "/v1/plugins/@acme/secret";
  const paths = [path, `${path}/versions`, `${path}/versions/1.0.0`];

  test("is not there for anybody but its owner and the administrator", async () => {
    for (const each of paths) {
      const missing = each.replace("secret", "nothing");
      expect(await refusal(await call(each)), each).toEqual([404, "plugin_not_found"]);
      for (const token of [globex.token, "rbsm_pat_guess"]) {
        const answers = [each, missing].map(async (one) =>
          refusal(await send("GET", one, { token })),
        );
        const [here, nowhere] = await Promise.all(answers);
        expect(here, each).toEqual(nowhere);
      }
    }
    expect((await page("@acme/secret")).status).toBe(404);
  });

  test("is shown to them in an answer that nobody keeps", async () => {
    for (const token of [acme.token, env.ADMIN_TOKEN]) {
      for (const each of paths) {
        const answer = await send("GET", each, { token });
        expect([each, answer.status]).toEqual([each, 200]);
        expect(answer.headers.get("cache-control")).toBe("no-store");
      }
    }
    const answer = await send("GET", path, { token: acme.token });
    expect(await answer.json()).toMatchObject({ visibility: "private", channels: {} });
    const { items } = versionListSchema.parse(
      await (await send("GET", `${path}/versions`, { token: acme.token })).json(),
    );
    expect(items).toMatchObject([{ version: "1.0.0", channels: ["latest"] }]);
  });
});

async function buckets(path: string): Promise<string[]> {
  const key = path.slice(1);
  const [open, guarded] = await Promise.all([env.BUNDLES.head(key), env.PRIVATE.head(key)]);
  return [...(open === null ? [] : ["BUNDLES"]), ...(guarded === null ? [] : ["PRIVATE"])];
}

test("only a new version changes who finds a plugin, and the bytes of the old one stay where they are", async () => {
  const hidden = await release("@acme/changing", "1.0.0", "private");
  const open = await release("@acme/changing", "1.1.0", "public");
  expect(await buckets(hidden)).toEqual(["PRIVATE"]);
  expect(await buckets(open)).toEqual(["BUNDLES"]);
  expect((await found("q=changing")).items).toHaveLength(1);
  expect(await refusal(await call(hidden))).toEqual([403, "license_refused"]);

  const again = await release("@acme/changing", "1.2.0", "private");
  expect((await found("q=changing")).items).toEqual([]);
  expect((await call("/v1/plugins/@acme/changing/versions/1.1.0")).status).toBe(404);
  expect([await buckets(open), await buckets(again)]).toEqual([["BUNDLES"], ["PRIVATE"]]);

  const body = { version: "1.1.0" };
  const moved = await send("PUT", "/v1/plugins/@acme/changing/channels/latest", { body });
  expect(moved.status).toBe(200);
  expect((await found("q=changing")).items).toMatchObject([{ version: "1.1.0" }]);
  for (const path of [hidden, again]) {
    expect(await refusal(await call(path))).toEqual([403, "license_refused"]);
  }
});

test("is checked and made again as it is: in no search, and nowhere in the open", async () => {
  const check = async (repair: boolean) => {
    const answer = await send("POST", "/v1/catalog/check", { body: { limit: 20, repair } });
    return catalogCheckResultSchema.parse(await answer.json()).differences;
  };
  expect(await check(false)).toEqual([]);
  const card = await env.SEARCH.prepare("SELECT card FROM docs WHERE name = '@acme/open'").first(
    "card",
  );
  await env.SEARCH.prepare(
    `INSERT INTO docs (name, card, name_words, title_words, summary_words, keyword_words, tags, facets, created_at, updated_at)
     VALUES ('@acme/secret', ?, '', '', '', '', '_all', '[]', 0, 0)`,
  )
    .bind(card)
    .run();
  expect(await check(true)).toMatchObject([
    { kind: "search", subject: "@acme/secret", repaired: true },
  ]);
  expect(await check(false)).toEqual([]);
  expect((await found("")).items.map(({ name }) => name)).not.toContain("@acme/secret");
});

test("comes back from the log as hidden as it was", async () => {
  const before = await snapshot();
  const path = await release("@acme/late", "1.0.0", "private");
  await restore(before);
  expect(await recoverAll()).toEqual([]);
  expect(await buckets(path)).toEqual(["PRIVATE"]);
  expect(await refusal(await call("/v1/plugins/@acme/late"))).toEqual([404, "plugin_not_found"]);
  expect((await found("q=late")).items).toEqual([]);
  expect(await refusal(await call(path))).toEqual([403, "license_refused"]);
});
