import { env } from "cloudflare:workers";
import { base64url, proveKeyPossession, signingKeyFromSeed } from "@rising-bsm/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { failingAt } from "../testing-bindings.ts";
import { call, createAccount, createToken, refusal, resetMarketplace, send } from "../testing.ts";
import type { Account } from "../testing.ts";

let acme: Account;

beforeAll(async () => {
  await resetMarketplace();
  acme = await createAccount("acme");
});

const newKey = () => signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));

describe("publishers and scopes", () => {
  test("are created once; the same again is fine, another claim is not", async () => {
    const body = { name: "twice", displayName: "Twice" };
    const statuses = [];
    for (let i = 0; i < 2; i++)
      statuses.push((await send("POST", "/v1/publishers", { body })).status);
    expect(statuses).toEqual([201, 200]);
    const other = await send("POST", "/v1/publishers", { body: { ...body, displayName: "No" } });
    expect(await refusal(other)).toEqual([409, "conflict_exists"]);
    const claim = { scope: "@acme", publisher: "twice" };
    expect(await refusal(await send("POST", "/v1/scopes", { body: claim }))).toEqual([
      409,
      "conflict_exists",
    ]);
  });

  test("leave no line in the audit when they were refused or there before", async () => {
    const creations = () =>
      env.DB.prepare(
        `SELECT action, subject FROM audit WHERE subject IN ('twice', '@acme')
         AND action IN ('publisher.create', 'scope.create') ORDER BY subject`,
      ).all();
    expect((await creations()).results).toEqual([
      { action: "scope.create", subject: "@acme" },
      { action: "publisher.create", subject: "twice" },
    ]);
  });

  test("a write that failed but was stored is finished by the same request", async () => {
    const body = { name: "flaky", displayName: "Flaky" };
    const { bindings } = failingAt(env, 1, "failed but stored");
    expect((await send("POST", "/v1/publishers", { body, bindings })).status).toBe(500);
    expect((await send("POST", "/v1/publishers", { body })).status).toBe(200);
  });

  test("an unknown publisher gets neither scope nor token", async () => {
    const scope = { scope: "@ghost", publisher: "ghost" };
    expect(await refusal(await send("POST", "/v1/scopes", { body: scope }))).toEqual([
      404,
      "not_found",
    ]);
    const token = { publisher: "ghost", permissions: ["publish"] };
    expect((await send("POST", "/v1/tokens", { body: token })).status).toBe(404);
  });
});

describe("tokens", () => {
  test("are stored as a hash only", async () => {
    const rows = await env.DB.prepare("SELECT * FROM tokens").all();
    expect(JSON.stringify(rows.results)).not.toContain(acme.token.slice("rbsm_pat_".length));
  });

  test("end when they expire, when they are revoked, and are never guessed", async () => {
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const body = { publisher: "acme", permissions: ["publish"], expiresAt };
    const { id, token } = (await (await send("POST", "/v1/tokens", { body })).json()) as {
      id: string;
      token: string;
    };
    const use = (bearer: string) => send("POST", "/v1/keys/challenge", { token: bearer, body: {} });
    expect(await refusal(await use(token))).toEqual([403, "auth_scope"]);
    await env.DB.prepare("UPDATE tokens SET expires_at = 1 WHERE id = ?").bind(id).run();
    expect(await refusal(await use(token))).toEqual([401, "auth_refused"]);
    expect(await refusal(await use("rbsm_pat_guess"))).toEqual([401, "auth_refused"]);

    const other = await createToken({ publisher: "acme", permissions: ["keys"] });
    expect((await use(other)).status).toBe(200);
    const row = await env.DB.prepare("SELECT id FROM tokens ORDER BY created_at DESC").first("id");
    expect((await send("DELETE", `/v1/tokens/${String(row)}`)).status).toBe(204);
    expect((await send("DELETE", `/v1/tokens/${String(row)}`)).status).toBe(204);
  });

  test("are of the scope's owner, or of who asks, when no publisher is named", async () => {
    const scoped = { scope: "@acme", permissions: ["keys"], expiresAt: "2099-01-01T00:00:00Z" };
    const challenge = async (token: string) =>
      (await send("POST", "/v1/keys/challenge", { token, body: { publisher: "acme" } })).status;
    for (const token of [env.ADMIN_TOKEN, acme.token]) {
      const answer = await send("POST", "/v1/tokens", { token, body: scoped });
      expect(answer.status).toBe(201);
      const made = z.object({ token: z.string() }).parse(await answer.json());
      expect(await challenge(made.token)).toBe(200);
    }
    const ask = (body: object, token: string) => send("POST", "/v1/tokens", { token, body });
    const unnamed = { permissions: ["keys"] };
    expect((await ask(unnamed, acme.token)).status).toBe(201);
    expect((await ask(unnamed, env.ADMIN_TOKEN)).status).toBe(400);
    expect((await ask({ ...unnamed, scope: "@ghost" }, env.ADMIN_TOKEN)).status).toBe(400);
    const globex = await createAccount("umbrella");
    expect((await ask(scoped, globex.token)).status).toBe(400);
  });

  test("hand out no more than they hold, nor for longer", async () => {
    const limited = await createToken({
      publisher: "acme",
      scope: "@acme",
      permissions: ["tokens", "publish"],
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    });
    const soon = new Date(Date.now() + 1_000_000).toISOString();
    const ask = async (body: object) => {
      const request = { publisher: "acme", permissions: ["publish"], expiresAt: soon, ...body };
      return (await send("POST", "/v1/tokens", { token: limited, body: request })).status;
    };
    expect(await ask({ scope: "@acme" })).toBe(201);
    expect(await ask({})).toBe(403);
    expect(await ask({ scope: "@acme", permissions: ["yank"] })).toBe(403);
    expect(await ask({ scope: "@acme", expiresAt: "2099-01-01T00:00:00Z" })).toBe(403);
    expect(await ask({ scope: "@acme", expiresAt: "2001-01-01T00:00:00Z" })).toBe(400);
    expect(await ask({ scope: "@ghost" })).toBe(400);
    expect(await ask({ publisher: "twice", scope: "@acme" })).toBe(400);
  });
});

describe("whoami", () => {
  const ask = (token: string) => send("GET", "/v1/whoami", { token });

  test("says whose token it is, what it allows and until when", async () => {
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const limits = { scope: "@acme", permissions: ["yank"], expiresAt };
    const token = await createToken({ publisher: "acme", ...limits });
    const answer = await ask(token);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.json()).toEqual({ kind: "token", publisher: "acme", ...limits });
    expect(await (await ask(acme.token)).json()).toMatchObject({ scope: null, expiresAt: null });
  });

  test("names no publisher for the administrator, who may do everything", async () => {
    expect(await (await ask(env.ADMIN_TOKEN)).json()).toEqual({
      kind: "admin",
      publisher: null,
      scope: null,
      permissions: ["publish", "yank", "licenses", "keys", "tokens", "review"],
      expiresAt: null,
    });
    expect(await refusal(await ask("rbsm_pat_guess"))).toEqual([401, "auth_refused"]);
  });
});

describe("keys", () => {
  async function challengeFor(account: Account): Promise<string> {
    const answer = await send("POST", "/v1/keys/challenge", { token: account.token, body: {} });
    return z.object({ challenge: z.string() }).parse(await answer.json()).challenge;
  }

  test("enrol once each, and never for two publishers", async () => {
    const globex = await createAccount("globex");
    const key = await newKey();
    const enroll = async (account: Account) => {
      const challenge = await challengeFor(account);
      const signature = await proveKeyPossession(key, challenge);
      const body = { publicKey: base64url(key.publicKey), challenge, signature };
      return (await send("POST", "/v1/keys", { token: account.token, body })).status;
    };
    expect(await enroll(acme)).toBe(201);
    expect(await enroll(acme)).toBe(200);
    expect(await enroll(globex)).toBe(409);
  });

  test("are not for a token of one scope while the publisher has others", async () => {
    const hooli = await createAccount("hooli");
    const scoped = { publisher: "hooli", scope: "@hooli", permissions: ["keys"] };
    const limited = await createToken(scoped);
    expect(await challengeFor({ ...hooli, token: limited })).not.toBe("");
    const challenge = await challengeFor(hooli);
    const body = { scope: "@hooli-labs", publisher: "hooli" };
    expect((await send("POST", "/v1/scopes", { body })).status).toBe(201);
    const refused = await send("POST", "/v1/keys/challenge", { token: limited, body: {} });
    expect(await refusal(refused)).toEqual([403, "auth_scope"]);
    const key = await newKey();
    const signature = await proveKeyPossession(key, challenge);
    const enrol = { publicKey: base64url(key.publicKey), challenge, signature };
    const answer = await send("POST", "/v1/keys", { token: limited, body: enrol });
    expect(await refusal(answer)).toEqual([403, "auth_scope"]);
    expect((await send("POST", "/v1/keys", { token: hooli.token, body: enrol })).status).toBe(201);
  });

  test("need the signature of their own holder over a fresh challenge of this service", async () => {
    const key = await newKey();
    const challenge = await challengeFor(acme);
    const signature = await proveKeyPossession(key, challenge);
    const publicKey = base64url(key.publicKey);
    const enroll = async (body: object) => {
      const whole = { publicKey, challenge, signature, ...body };
      return refusal(await send("POST", "/v1/keys", { token: acme.token, body: whole }));
    };
    const forged = await proveKeyPossession(await newKey(), challenge);
    expect(await enroll({ signature: forged })).toEqual([422, "signature_invalid"]);
    expect(await enroll({ publicKey: "A".repeat(43) })).toEqual([422, "signature_key_rejected"]);
    const unsealed = ["made.up", "x", `YR.${"A".repeat(43)}`, `_w.${"A".repeat(43)}`];
    for (const made of unsealed) {
      expect(await enroll({ challenge: made })).toEqual([400, "request_invalid"]);
    }
    const globex = await createAccount("initech");
    const foreign = await challengeFor(globex);
    expect(await enroll({ challenge: foreign })).toEqual([403, "auth_scope"]);
  });
});

test("every refusal is problem+json with a code and a request id, and is never cached", async () => {
  const answer = await call("/v1/publishers", { method: "POST" });
  expect(answer.status).toBe(401);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(answer.headers.get("www-authenticate")).toBe("Bearer");
  const problem = (await answer.json()) as { requestId: string };
  expect(problem).toMatchObject({ status: 401, code: "auth_required" });
  expect(problem.requestId).toBe(answer.headers.get("request-id"));
});

test("bodies that are no JSON, too large or not of the schema are refused with findings", async () => {
  const raw = (body: string) =>
    call("/v1/publishers", {
      method: "POST",
      headers: { Authorization: `Bearer ${env.ADMIN_TOKEN}`, "Content-Type": "application/json" },
      body,
    });
  expect(await refusal(await raw("{"))).toEqual([400, "request_invalid"]);
  expect(await refusal(await raw("x".repeat(70_000)))).toEqual([413, "limit_body"]);
  const answer = await (await raw('{"name":"A B"}')).json();
  expect(answer).toMatchObject({ findings: [{ path: "name" }, { path: "displayName" }] });
});
