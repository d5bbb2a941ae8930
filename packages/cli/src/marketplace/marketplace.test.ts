import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { checkKeyPossession, fromBase64url } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { closedUrl, sendJson, sendProblem, startServer } from "../../fixtures/marketplace.ts";
import { HELLO, runCli, temporaryFolder, writeFiles } from "../../fixtures/run-cli.ts";

const TOKEN = "rbsm_pat_0123456789";

async function publisherHome(): Promise<string> {
  const home = await writeFiles(await temporaryFolder(), HELLO);
  await runCli(["keys", "new"], { home });
  return home;
}

test("login stores a token for its owner's eyes, whoami names it, logout forgets it", async () => {
  const home = await temporaryFolder();
  const url = "https://market.example.com";
  const login = await runCli(["login", "--url", `${url}/`, "--json"], {
    home,
    input: `${TOKEN}\n`,
  });
  const { file } = login.json();
  expect(login.json()).toEqual({ ok: true, url, file });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual({ url, token: TOKEN });
  const who = await runCli(["whoami", "--offline", "--json"], { home });
  expect(who.json()).toMatchObject({ ok: true, url, source: file });
  expect(login.stdout + login.stderr + who.stdout).not.toContain(TOKEN);
  expect((await runCli(["logout", "--json"], { home })).json()).toEqual({ ok: true, url });
  expect((await runCli(["whoami", "--offline", "--json"], { home })).code).toBe(6);
});

test("damaged credentials are named, and logout removes them", async () => {
  const home = await temporaryFolder();
  await writeFiles(home, { ".config/rising-bsm/credentials.json": "{damaged" });
  const file = join(home, ".config/rising-bsm/credentials.json");
  expect((await runCli(["search", "--json"], { home })).json().error).toMatchObject({
    code: "usage",
    message: `${file} is not valid`,
    fix: expect.stringContaining("logout"),
  });
  expect((await runCli(["logout", "--json"], { home })).json()).toEqual({ ok: true, url: null });
  await expect(stat(file)).rejects.toThrow("ENOENT");
});

test("a port that HTTP may not use is `network_unreachable`", async () => {
  const home = await temporaryFolder();
  const run = await runCli(["search", "--url", "http://127.0.0.1:9", "--json"], { home });
  expect(run.code).toBe(7);
  expect(run.json().error.code).toBe("network_unreachable");
});

test("a stored token is never sent to another marketplace", async () => {
  const home = await publisherHome();
  const { url, received } = await startServer((_request, response) => sendJson(response, 500, {}));
  await runCli(["login", "--url", "https://market.example.com", "--token", TOKEN], { home });
  const run = await runCli(["deploy", "--url", url, "--json"], { home });
  expect(run.code).toBe(6);
  expect(run.json().error.code).toBe("auth_required");
  expect(received).toEqual([]);
});

test.each(["http://market.example.com", "ftp://x", "nonsense"])(
  "%s is refused as a marketplace",
  async (url) => {
    const home = await temporaryFolder();
    const run = await runCli(["login", "--url", url, "--token", TOKEN, "--json"], { home });
    expect(run.code).toBe(2);
  },
);

test("deploy builds, signs and sends the bundle with its length; again changes nothing", async () => {
  const home = await publisherHome();
  let status = 201;
  const { url, received } = await startServer((request, response) => {
    const sha256 = createHash("sha256").update(request.body).digest("hex");
    sendJson(response, status, { status: "published", version: "1.0.0", sha256, findings: [] });
  });
  const env = { RISING_BSM_URL: url, RISING_BSM_TOKEN: TOKEN };
  const run = await runCli(["deploy", "--json"], { home, env });
  expect(run.code).toBe(0);
  expect(run.json()).toMatchObject({
    ok: true,
    plugin: "@acme/hello",
    status: "published",
    unchanged: false,
  });
  status = 200;
  expect((await runCli(["deploy", "--json"], { home, env })).json()).toMatchObject({
    unchanged: true,
  });
  const [first, second] = received;
  expect(first).toMatchObject({
    method: "PUT",
    url: "/v1/plugins/@acme/hello/versions/1.0.0",
    headers: { authorization: `Bearer ${TOKEN}`, "content-length": String(first?.body.length) },
  });
  expect(first?.headers["transfer-encoding"]).toBeUndefined();
  expect(first?.body.equals(second?.body ?? Buffer.of())).toBe(true);
});

test("deploy --dry-run checks and sends nothing", async () => {
  const home = await publisherHome();
  const { url, received } = await startServer((_request, response) => sendJson(response, 500, {}));
  const run = await runCli(["deploy", "--dry-run", "--json", "--url", url], { home });
  expect(run.json()).toMatchObject({ ok: true, dryRun: true, plugin: "@acme/hello" });
  expect(received).toEqual([]);
});

test("deploy refuses an unsigned plugin before anything is sent", async () => {
  const home = await writeFiles(await temporaryFolder(), HELLO);
  const { url, received } = await startServer((_request, response) => sendJson(response, 500, {}));
  const run = await runCli(["deploy", "--json", "--url", url], {
    home,
    env: { RISING_BSM_TOKEN: TOKEN },
  });
  expect(run.code).toBe(3);
  expect(run.json().error.code).toBe("signature_missing");
  expect(received).toEqual([]);
});

test.each([
  [409, "conflict_version_exists", 8],
  [401, "auth_refused", 6],
  [403, "auth_scope", 6],
  [422, "manifest_invalid", 3],
  [429, "limit_rate", 9],
  [503, "unavailable", 7],
])(
  "the marketplace's %i %s exits with %i and its text is shown without control characters",
  async (status, code, exit) => {
    const home = await publisherHome();
    const findings = [{ rule: "r", path: "p", message: "m\u001b[2J" }];
    const { url } = await startServer((_request, response) =>
      sendProblem(response, status, { code, detail: "No\u001b[31m\nway", findings }),
    );
    const run = await runCli(["deploy", "--json"], {
      home,
      env: { RISING_BSM_URL: url, RISING_BSM_TOKEN: TOKEN },
    });
    expect(run.code).toBe(exit);
    expect(run.json().error).toMatchObject({
      code,
      message: "No [31m way",
      findings: [{ message: "m [2J" }],
    });
  },
);

test.each([
  [
    "a page that is no JSON",
    (send: (status: number, text: string) => void) => send(200, "<html>"),
    "network_bad_answer",
  ],
  [
    "JSON of another form",
    (send: (status: number, text: string) => void) => send(200, '{"items":3}'),
    "network_bad_answer",
  ],
  [
    "an error without a code",
    (send: (status: number, text: string) => void) => send(500, "{}"),
    "network_bad_answer",
  ],
])("search calls %s network_bad_answer", async (_name, answer, code) => {
  const home = await temporaryFolder();
  const { url } = await startServer((_request, response) =>
    answer((status, text) => response.writeHead(status).end(text)),
  );
  const run = await runCli(["search", "--url", url, "--json"], { home });
  expect(run.code).toBe(7);
  expect(run.json().error.code).toBe(code);
});

test("search says when nobody listens, and when the answer breaks off", async () => {
  const home = await temporaryFolder();
  const nobody = await runCli(["search", "--url", await closedUrl(), "--json"], { home });
  expect(nobody).toMatchObject({ code: 7 });
  expect(nobody.json().error).toMatchObject({
    code: "network_unreachable",
    fix: expect.any(String),
  });
  const { url } = await startServer((_request, response) => {
    response.writeHead(200, { "content-length": "100" }).write("{");
    setTimeout(() => response.destroy(), 50);
  });
  const broken = await runCli(["search", "--url", url, "--json"], { home });
  expect(broken).toMatchObject({ code: 7 });
  expect(broken.json().error.code).toBe("network_interrupted");
});

test("info shows a plugin with its versions", async () => {
  const home = await temporaryFolder();
  const { url } = await startServer((request, response) =>
    sendJson(response, 200, request.url.endsWith("/versions") ? { items: [VERSION] } : DETAIL),
  );
  const run = await runCli(["info", "@acme/hello", "--url", url, "--json"], { home });
  expect(run.json()).toEqual({ ok: true, plugin: DETAIL, versions: [VERSION] });
  const text = await runCli(["info", "@acme/hello", "--url", url], { home });
  expect(text.stdout).toContain("yanked: broken");
  expect(text.stdout).toContain("visibility   private");
});

test("info follows the pages of versions", async () => {
  const home = await temporaryFolder();
  const next = { ...VERSION, version: "0.9.0" };
  const { url } = await startServer((request, response) => {
    if (request.url.endsWith("/versions?cursor=c+2")) {
      return sendJson(response, 200, { items: [next], nextCursor: null });
    }
    const versions = { items: [VERSION], nextCursor: "c 2" };
    sendJson(response, 200, request.url.endsWith("/versions") ? versions : DETAIL);
  });
  const run = await runCli(["info", "@acme/hello", "--url", url, "--json"], { home });
  expect(run.json()).toMatchObject({ versions: [VERSION, next] });
});

test("info sends the token, without which a private plugin is not there", async () => {
  const home = await temporaryFolder();
  const { url } = await startServer((request, response) => {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) {
      return sendProblem(response, 404, { code: "plugin_not_found" });
    }
    const versions = request.url.endsWith("/versions");
    sendJson(response, 200, versions ? { items: [VERSION] } : DETAIL);
  });
  const asked = (env: Record<string, string>) =>
    runCli(["info", "@acme/hello", "--url", url, "--json"], { home, env });
  expect((await asked({})).json().error.code).toBe("plugin_not_found");
  expect((await asked({ RISING_BSM_TOKEN: TOKEN })).json()).toMatchObject({ plugin: DETAIL });
});

test("yank and deprecate send a reason, or take the mark away", async () => {
  const home = await temporaryFolder();
  const { url, received } = await startServer((_request, response) =>
    sendJson(response, 200, { version: "1.0.0", status: "published" }),
  );
  const env = { RISING_BSM_URL: url, RISING_BSM_TOKEN: TOKEN };
  const yanked = await runCli(["yank", "@acme/hello@1.0.0", "--reason", "broken", "--json"], {
    home,
    env,
  });
  expect(yanked.json()).toMatchObject({
    ok: true,
    plugin: "@acme/hello",
    yanked: { reason: "broken" },
  });
  const undone = await runCli(["deprecate", "@acme/hello@1.0.0", "--undo", "--json"], {
    home,
    env,
  });
  expect(undone.json()).toMatchObject({ ok: true, deprecated: false });
  expect(received.map(({ method, url: path, body }) => [method, path, body.toString()])).toEqual([
    ["POST", "/v1/plugins/@acme/hello/versions/1.0.0/yank", '{"reason":"broken"}'],
    ["POST", "/v1/plugins/@acme/hello/versions/1.0.0/deprecate", '{"reason":null}'],
  ]);
  for (const args of [
    ["@acme/hello@1.0.0"],
    ["@acme/hello", "--reason", "x"],
    ["@acme/hello@1.0.0", "--undo", "--reason", "x"],
  ]) {
    expect((await runCli(["yank", ...args, "--json"], { home, env })).code).toBe(2);
  }
});

test("status shows one version", async () => {
  const home = await temporaryFolder();
  const { url } = await startServer((_request, response) => sendJson(response, 200, VERSION));
  const run = await runCli(["status", "@acme/hello@1.0.0", "--url", url], { home });
  expect(run.stdout).toBe("@acme/hello@1.0.0 is yanked: broken\n");
});

test("status shows the publisher a version that is not public, and why", async () => {
  const home = await temporaryFolder();
  const waiting = { ...VERSION, yanked: false, channels: [], publishedAt: null };
  let answer: object = { ...waiting, status: "in_review" };
  const { url, received } = await startServer((_request, response) =>
    sendJson(response, 200, answer),
  );
  const env = { RISING_BSM_URL: url, RISING_BSM_TOKEN: TOKEN };
  const inReview = await runCli(["status", "@acme/hello@1.0.0"], { home, env });
  expect(inReview.stdout).toBe("@acme/hello@1.0.0 is in review\n");
  expect(received[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
  answer = { ...waiting, status: "rejected", statusReason: "No\u001b[31m text" };
  const refused = await runCli(["status", "@acme/hello@1.0.0"], { home, env });
  expect(refused.stdout).toBe("@acme/hello@1.0.0 is rejected: No [31m text\n");
  const json = await runCli(["status", "@acme/hello@1.0.0", "--json"], { home, env });
  expect(json.json()).toMatchObject({ ok: true, status: "rejected", publishedAt: null });
});

test("keys enroll signs the challenge with the key that it sends", async () => {
  const home = await publisherHome();
  const { keyId, publicKey } = (await runCli(["keys", "export", "--json"], { home })).json();
  const { url, received } = await startServer((request, response) => {
    if (request.url === "/v1/keys") return sendJson(response, 201, { keyId });
    if (request.url === "/v1/whoami") return sendJson(response, 200, WHOAMI);
    if (request.method === "GET") return sendJson(response, 200, NO_KEYS);
    sendJson(response, 200, { challenge: "c".repeat(43), expiresAt: "2026-11-22T10:00:00Z" });
  });
  const env = { RISING_BSM_URL: url, RISING_BSM_TOKEN: TOKEN };
  const run = await runCli(["keys", "enroll", "--json"], { home, env });
  expect(run.json()).toMatchObject({ ok: true, keyId, publisher: "acme", url });
  const sent = JSON.parse(received.at(-1)?.body.toString() ?? "");
  const recoveryHash = expect.stringMatching(/^[0-9a-f]{64}$/);
  expect(sent).toMatchObject({ publicKey, challenge: "c".repeat(43), recoveryHash });
  await checkKeyPossession(fromBase64url(publicKey), sent.challenge, sent.signature);
});

test("Ctrl-C during an upload is `cancelled`", async () => {
  const home = await publisherHome();
  let interrupt: () => void = () => undefined;
  const { url } = await startServer(() => interrupt());
  const env = { RISING_BSM_URL: url, RISING_BSM_TOKEN: TOKEN };
  const run = await runCli(["deploy", "--json"], {
    home,
    env,
    onStderr: (pid) => (interrupt = () => void process.kill(pid, "SIGINT")),
  });
  expect(run.code).toBe(130);
  expect(run.json().error.code).toBe("cancelled");
});

const WHOAMI = { kind: "token", publisher: "acme", scope: null, permissions: [], expiresAt: null };
const NO_KEYS = { publisher: "acme", keys: [], recovery: null, statements: [], nextIndex: 0 };

const CARD = {
  name: "@acme/hello",
  displayName: "Hello",
  description: { en: "Says hello", de: "Sagt Hallo" },
  version: "1.0.0",
  publisher: "acme",
  verified: true,
  rating: null,
  icon: null,
  downloads: 3,
  permissions: [],
  price: { amount: 9, currency: "EUR", period: "month" },
  updatedAt: "2026-11-22T10:00:00Z",
};

const DETAIL = {
  ...CARD,
  author: null,
  homepage: null,
  repository: null,
  license: "MIT",
  categories: [],
  keywords: [],
  network: ["api.example.com"],
  dependencies: { "@acme/base": "^1.0.0" },
  engines: {},
  channels: { latest: "1.0.0" },
  plans: [],
  visibility: "private",
};

const VERSION = {
  version: "1.0.0",
  sha256: "a".repeat(64),
  size: 100,
  treeDigest: `h1:${"A".repeat(43)}=`,
  channels: ["latest"],
  status: "published",
  publishedAt: "2026-11-22T10:00:00Z",
  yanked: { reason: "broken" },
  deprecated: false,
  permissions: [],
  network: [],
  bundle: "https://x/b/a.rbsm",
};
