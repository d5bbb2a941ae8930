import { env } from "cloudflare:workers";
import { sha256Hex } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Bindings } from "../env.ts";
import { writeDatabase } from "../database.ts";
import { advance } from "../log/advance.ts";
import type { Pass } from "../log/run-pass.ts";
import { counting, failingAt, withMethods } from "../testing-bindings.ts";
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
import { fragmentPath, imagePath, storedDetails } from "./details.ts";
import { SAMPLE_ICON } from "./sample-icon.ts";
import { writeDetails } from "./write-details.ts";

let acme: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
});

const FILES = {
  "icon.png": SAMPLE_ICON,
  "shots/one.png": SAMPLE_ICON,
  "README.md": "# Hello\n\n![One](shots/one.png) <script>alert(1)</script>\n",
  "CHANGELOG.md": "## [1.0.0]\n- First\n",
};
const SHOWN = {
  icon: "icon.png",
  screenshots: ["shots/one.png"],
  readme: "README.md",
  changelog: "CHANGELOG.md",
};

async function publishShown(
  target: { name: string; version: string },
  manifest: Record<string, unknown> = {},
  bindings: Bindings = env,
): Promise<Response> {
  const bundle = await buildBundle(acme.key, { ...target, ...SHOWN, ...manifest }, FILES);
  return publish(target, bundle, { token: acme.token, bindings });
}

async function detailsOf({ name, version }: { name: string; version: string }) {
  const row = await env.DB.prepare("SELECT details FROM versions WHERE plugin = ? AND version = ?")
    .bind(name, version)
    .first<{ details: string | null }>();
  return row?.details == null ? null : storedDetails({ details: row.details });
}

/** Every object that the details name. */
async function mediaOf(target: { name: string; version: string }): Promise<string[]> {
  const { icon, screenshots, readme, changelog } = (await detailsOf(target)) ?? {
    ...storedDetails({ details: null }),
  };
  const images = [...(icon === null ? [] : [icon]), ...screenshots].map(imagePath);
  const texts = [readme, changelog].flatMap((sha256) => sha256 ?? []).map(fragmentPath);
  return [...new Set([...images, ...texts])];
}

describe("a release with media", () => {
  const target = { name: "@acme/shown", version: "1.0.0" };

  test("serves images without metadata and texts as HTML, under their hashes", async () => {
    expect((await publishShown(target)).status).toBe(201);
    const details = await detailsOf(target);
    expect(details).toMatchObject({
      icon: { type: "png", width: 64, height: 64 },
      screenshots: [{ type: "png" }],
    });
    const paths = await mediaOf(target);
    expect(paths).toHaveLength(3);
    for (const path of paths) {
      const answer = await call(path);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("cache-control")).toContain("immutable");
      const bytes = new Uint8Array(await answer.arrayBuffer());
      expect(path).toContain(await sha256Hex(bytes));
      expect(new TextDecoder("latin1").decode(bytes)).not.toContain("secret-place");
    }
  });

  test("shows its own images in its README, and HTML as text", async () => {
    const details = await detailsOf(target);
    const answer = await call(fragmentPath(details?.readme ?? ""));
    const [image] = details?.screenshots ?? [];
    expect(image).toBeDefined();
    expect(await answer.text()).toBe(
      '<h3 id="readme-hello">Hello</h3><p><img src="' +
        `${image === undefined ? "" : imagePath(image)}" alt="One" width="64" height="64" loading="lazy"> ` +
        "&lt;script&gt;alert(1)&lt;/script&gt;</p>",
    );
  });

  test("opens a fragment as a file to save, and an image as what it is, without a query", async () => {
    const { bindings, count } = counting(env);
    for (const path of await mediaOf(target)) {
      const answer = await call(path, {}, bindings);
      const isText = path.endsWith(".html");
      expect(answer.headers.get("content-type")).toBe(
        isText ? "text/html; charset=utf-8" : "image/png",
      );
      expect(answer.headers.get("content-disposition")).toBe(isText ? "attachment" : null);
      expect(answer.headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      const object = await env.BUNDLES.head(path.slice(1));
      expect(object?.httpMetadata?.contentDisposition).toBe(isText ? "attachment" : undefined);
    }
    expect(count.queries).toBe(0);
  });

  test.each([
    "none",
    `${"0".repeat(64)}.svg`,
    `${"0".repeat(64)}.png`,
    `${"0".repeat(64)}.html.png`,
  ])("answers 404 for %s", async (file) => {
    expect(await refusal(await call(`/media/${file}`))).toEqual([404, "not_found"]);
  });

  test("shows its icon in the catalogue", async () => {
    const details = await detailsOf(target);
    const page = await call("/v1/plugins?q=shown");
    const icon = details?.icon;
    expect(icon).toBeTruthy();
    expect(await page.json()).toMatchObject({ items: [{ icon: icon ? imagePath(icon) : "" }] });
  });
});

describe("what is shown of a release", () => {
  test("is nothing while it waits for review", async () => {
    const target = { name: "@acme/waiting", version: "1.0.0" };
    const files = { ...FILES, "index.js": "export default '\u202e'" };
    const bundle = await buildBundle(acme.key, { ...target, ...SHOWN }, files);
    expect(await (await publish(target, bundle, acme)).json()).toMatchObject({
      status: "in_review",
    });
    await advance(env);
    expect(await detailsOf(target)).toBeNull();
    const approval = await send("POST", `/v1/plugins/${target.name}/versions/1.0.0/approve`);
    expect(approval.status).toBe(200);
    expect(await detailsOf(target)).toMatchObject({ icon: { type: "png" } });
  });

  test("is nothing of a private plugin", async () => {
    const target = { name: "@acme/private", version: "1.0.0" };
    const icon = "icon.png";
    const before = (await env.BUNDLES.list({ prefix: "media/" })).objects.length;
    const manifest = { visibility: "private", icon };
    const files = { ...FILES, "README.md": "# Nobody reads this\n" };
    const bundle = await buildBundle(acme.key, { ...target, ...SHOWN, ...manifest }, files);
    expect((await publish(target, bundle, acme)).status).toBe(201);
    expect(await detailsOf(target)).toEqual(storedDetails({ details: null }));
    expect((await env.BUNDLES.list({ prefix: "media/" })).objects).toHaveLength(before);
  });

  test("is what can be shown of a bundle that is older than the rules", async () => {
    const target = { name: "@acme/older", version: "1.0.0" };
    expect((await publishShown(target)).status).toBe(201);
    const other = await buildBundle(
      acme.key,
      { ...target, ...SHOWN },
      { ...FILES, "icon.png": "no image" },
    );
    const sha256 = await sha256Hex(other);
    await env.BUNDLES.put(`b/${sha256}.rbsm`, other);
    await env.DB.prepare("UPDATE versions SET details = NULL, sha256 = ? WHERE plugin = ?")
      .bind(sha256, target.name)
      .run();
    await advance(env);
    expect(await detailsOf(target)).toMatchObject({ icon: null, screenshots: [{ type: "png" }] });
  });
});

describe("an upload with media that may not be shown", () => {
  const findings = z.object({
    code: z.string(),
    findings: z.array(z.object({ rule: z.string(), path: z.string(), message: z.string() })),
  });

  test("is refused with one finding a file", async () => {
    const target = { name: "@acme/refused", version: "1.0.0" };
    const manifest = { ...SHOWN, screenshots: ["shots/one.png", "shots/two.png"] };
    const files = {
      ...FILES,
      "icon.png": "<svg/>",
      "shots/two.png": "GIF89a",
      "README.md": new Uint8Array([0xff]),
      "CHANGELOG.md": "a".repeat(256 * 1024 + 1),
    };
    const answer = await publish(
      target,
      await buildBundle(acme.key, { ...target, ...manifest }, files),
      acme,
    );
    expect(answer.status).toBe(422);
    const problem = findings.parse(await answer.json());
    expect(problem.code).toBe("image_invalid");
    expect(problem.findings.map(({ rule, path }) => [rule, path])).toEqual([
      ["image_invalid", "icon"],
      ["image_invalid", "screenshots[1]"],
      ["markdown_invalid", "readme"],
      ["markdown_invalid", "changelog"],
    ]);
    expect(problem.findings[0]?.message).toBe("icon.png: it is no PNG, JPEG or WebP");
    expect(await detailsOf(target)).toBeNull();
  });
});

/** Reading a bundle never ends, as when the Worker is killed over its bytes. */
function dyingOverBundles(bindings: Bindings): { bindings: Bindings; death: Promise<string> } {
  const { promise: death, resolve } = Promise.withResolvers<string>();
  const get = (key: string) => {
    if (!key.startsWith("b/")) return bindings.BUNDLES.get(key);
    resolve(key);
    return new Promise<never>(() => {});
  };
  return { bindings: { ...bindings, BUNDLES: withMethods(bindings.BUNDLES, { get }) }, death };
}

test("a release over whose page the Worker dies is released, listed and found", async () => {
  const target = { name: "@acme/deadly", version: "1.0.0" };
  const { bindings, death } = dyingOverBundles(env);
  await Promise.race([publishShown(target, {}, bindings), death]);
  await env.DB.exec("UPDATE heads SET holder = NULL, held_until = 0");
  const heads = await env.DB.prepare("SELECT log_size, shown_log_size FROM heads").first();
  expect(heads?.["shown_log_size"]).toBe(heads?.["log_size"]);
  expect((await call("/index/@acme/deadly.json")).status).toBe(200);
  expect(await (await call("/v1/plugins?q=deadly")).json()).toMatchObject({
    items: [{ name: target.name, icon: null }],
  });
});

describe("writeDetails()", () => {
  /** The longest wait before a version is tried again. */
  const LATER_MS = 3 * 86_400_000;
  let now = Date.now();
  const passOver = (bindings: Bindings): Pass => ({
    env: bindings,
    db: writeDatabase(bindings),
    now: new Date(now),
    plugin: undefined,
    failures: new Map(),
    keepHold: () => Promise.resolve(),
  });

  async function waiting(): Promise<number> {
    const query = "SELECT count(*) AS n FROM versions WHERE details IS NULL";
    return (await env.DB.prepare(query).first<number>("n")) ?? 0;
  }

  async function forget(plugins = "%"): Promise<void> {
    now += LATER_MS;
    await env.DB.prepare("UPDATE versions SET details = NULL WHERE plugin LIKE ?")
      .bind(plugins)
      .run();
    const { objects } = await env.BUNDLES.list({ prefix: "media/" });
    await env.BUNDLES.delete(objects.map(({ key }) => key));
  }

  test.each(["failed", "failed but stored"] as const)(
    "leaves to the next pass what a write that %s has not finished",
    async (fault) => {
      const target = { name: "@acme/shown", version: "1.0.0" };
      for (let nth = 1; ; nth++) {
        await forget(target.name);
        const { bindings, hit } = failingAt(env, nth, fault);
        await writeDetails(passOver(bindings)).catch(() => null);
        // What a row names is there, whatever went wrong.
        for (const path of await mediaOf(target)) expect((await call(path)).status).toBe(200);
        if (!hit()) break;
        now += LATER_MS;
        while ((await waiting()) > 0) await writeDetails(passOver(env));
        expect(await mediaOf(target)).toHaveLength(3);
        for (const path of await mediaOf(target)) expect((await call(path)).status).toBe(200);
      }
    },
  );

  test("says of which plugin it failed, and goes on with the others", async () => {
    await forget();
    const { bindings, hit } = failingAt(env, 3, "failed");
    const pass = passOver(bindings);
    await writeDetails(pass);
    expect(hit()).toBe(true);
    expect(pass.failures.size).toBe(1);
    expect(await waiting()).toBe(1);
  });

  test("reads a few bundles at a time, and others than those over which the Worker died", async () => {
    for (const n of [1, 2]) await publishShown({ name: `@acme/many-${n}`, version: "1.0.0" });
    await forget();
    await writeDetails(passOver(env));
    expect(await waiting()).toBe(2);
    await forget();
    const deadly = new Set<unknown>();
    for (let died = 0; died < 2; died++) {
      const { bindings, death } = dyingOverBundles(env);
      deadly.add(await Promise.race([writeDetails(passOver(bindings)), death]));
    }
    expect(deadly.size).toBe(2);
    await writeDetails(passOver(env));
    expect(await waiting()).toBe(2);
    now += 60_000;
    await writeDetails(passOver(env));
    expect(await waiting()).toBe(0);
  });

  test("says whose pages are others now, with an icon or without", async () => {
    await publishShown({ name: "@acme/texts", version: "1.0.0" }, { icon: undefined });
    await forget("@acme/texts");
    expect(await writeDetails(passOver(env))).toMatchObject([{ plugin: "@acme/texts" }]);
  });

  test("reads nothing where nothing waits", async () => {
    now += LATER_MS;
    while ((await waiting()) > 0) await writeDetails(passOver(env));
    const { bindings, count } = counting(env);
    await writeDetails(passOver(bindings));
    expect(count.writes).toBe(1);
    expect(count.rowsRead).toBeLessThan(3);
  });
});

test("a release whose images cannot be stored is published, and they follow", async () => {
  const target = { name: "@acme/unlucky", version: "1.0.0" };
  const put: R2Bucket["put"] = (key, ...rest) =>
    key.startsWith("media/")
      ? Promise.reject(new Error("Injected"))
      : env.BUNDLES.put(key, ...rest);
  const bindings = { ...env, BUNDLES: withMethods(env.BUNDLES, { put }) };
  expect((await publishShown(target, {}, bindings)).status).toBe(201);
  expect(await detailsOf(target)).toBeNull();
  await advance(env, new Date(Date.now() + 600_000));
  expect(await mediaOf(target)).toHaveLength(3);
});
