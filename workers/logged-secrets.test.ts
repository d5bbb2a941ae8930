import { env } from "cloudflare:workers";
import { RbsmError } from "@rising-bsm/protocol";
import { DrizzleQueryError } from "drizzle-orm/errors";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { blankSecrets, describeError } from "./describe-error.ts";
import type { Bindings } from "./env.ts";
import { sendSigned } from "./licenses/sample-instance.ts";
import { PLUGIN } from "./licenses/sample-plugin.ts";
import { selling, tryOrder, tryReport } from "./orders/sample-order.ts";
import { sellEverything, standInForOthers } from "./sample-secrets.ts";
import type { Sale } from "./sample-secrets.ts";
import { failingAt } from "./testing-bindings.ts";
import { call, resetMarketplace, send } from "./testing.ts";
import { tryCreate } from "./webhooks/sample-webhook.ts";

let sale: Sale;
let logged: string[] = [];

beforeAll(async () => {
  await resetMarketplace();
  standInForOthers();
  sale = await sellEverything();
  for (const method of ["error", "warn", "info", "log", "debug"] as const) {
    vi.spyOn(console, method).mockImplementation((...values: unknown[]) => {
      logged.push(values.map(textOf).join(" "));
    });
  }
});
beforeEach(() => {
  logged = [];
});
afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** What `wrangler tail` shows of a logged value, and of an error inside. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner instanceof Error ? `${inner.stack}\n${JSON.stringify(inner)}` : inner,
  );
}

function secretsLogged(): string[] {
  const text = logged.join("\n");
  const found = Object.entries(sale.secrets).filter(([, secret]) => text.includes(secret));
  // Of leases and proofs there is a new one in each request.
  const tokens = text.match(/\beyJ[\w-]+\.[\w-]+/g) ?? [];
  return [...found.map(([what]) => what), ...tokens];
}

type Sent = (bindings: Bindings) => Promise<Response>;

/** Requests that carry each kind of secret, the way that they are meant to. */
function requests(): Record<string, Sent> {
  const { account, instance, activationId, lease, link, secrets } = sale;
  const { pathname, search } = new URL(link);
  const licenseKey = secrets["license key after a transfer"] ?? "";
  const signed = (path: string, body: object) => (bindings: Bindings) =>
    sendSigned(instance.key, path, { body, bindings });
  const ask = (method: string, path: string, body?: object) => (bindings: Bindings) =>
    send(method, path, { token: account.token, bindings, ...(body === undefined ? {} : { body }) });
  return {
    link: (bindings) => call(pathname + search, {}, bindings),
    activate: signed("/v1/licenses/activate", {
      licenseKey,
      plugin: PLUGIN,
      instanceId: instance.id,
    }),
    renew: signed("/v1/leases", { activationId, seq: 1, rid: crypto.randomUUID() }),
    resume: signed(`/v1/activations/${activationId}/resume`, { lease }),
    download: signed("/v1/downloads", { plugin: PLUGIN, version: "1.0.0", lease }),
    issue: ask("POST", "/v1/licenses", { plugin: PLUGIN, plan: "pro" }),
    suspend: ask("POST", `/v1/licenses/${sale.licenseIds[0]}/suspend`),
    token: ask("POST", "/v1/tokens", { publisher: "demo", permissions: ["licenses"] }),
    webhook: (bindings) => tryCreate({ token: account.token, bindings }),
    order: (bindings) => tryOrder({ plan: "pro" }, { bindings }),
    payment: (bindings) => tryReport(crypto.randomUUID(), "paid", { bindings }),
    verify: (bindings) =>
      call(
        "/licenses/verify",
        {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ licenseKey, pluginId: PLUGIN, hardwareId: "h".repeat(32) }),
        },
        bindings,
      ),
  };
}

/** Every query fails, as when the database is away; all but the one for its migrations. */
function withoutDatabase(bindings: Bindings): Bindings {
  const fail = () => Promise.reject(new Error("D1_ERROR: injected"));
  const statement = { bind: () => statement, all: fail, run: fail, raw: fail, first: fail };
  const prepare = (query: string) =>
    query.includes("d1_migrations") ? bindings.DB.prepare(query) : statement;
  const session = { prepare, batch: fail, withSession: () => session };
  const DB = new Proxy(bindings.DB, { get: (_, property) => Reflect.get(session, property) });
  return { ...bindings, DB };
}

test("whatever the database fails at, the Worker's log opens nothing", async () => {
  for (const request of Object.values(requests())) {
    await request(withoutDatabase(selling));
    for (let nth = 1; nth <= 3; nth++) {
      await request(failingAt(selling, nth, "failed but stored").bindings);
    }
  }
  expect(logged.length).toBeGreaterThan(20);
  expect(logged.join("\n")).toContain("injected");
  expect(logged.join("\n")).toContain("Failed query: ");
  expect(logged.join("\n")).not.toContain("params: ");
  expect(secretsLogged()).toEqual([]);
});

test("a refusal logs no more", async () => {
  const { link, lease, secrets } = sale;
  const { pathname, search } = new URL(link);
  await call(`${pathname}${search}&e=1`);
  for (const token of Object.values(secrets)) {
    const ways = [
      { headers: { Authorization: `Bearer ${token}` } },
      { headers: { "Rbsm-Proof": token, "Content-Type": "application/json" }, method: "POST" },
    ];
    for (const init of ways) await call("/v1/leases", init);
    await call(`/v1/whoami?token=${token}`, { headers: { Authorization: `Bearer ${token}x` } });
  }
  const body = { licenseKey: secrets["license key"], plugin: PLUGIN, instanceId: sale.instance.id };
  await sendSigned(sale.instance.key, "/v1/licenses/activate", { body });
  for (const wrong of [`${lease}x`, lease.slice(1), `${lease}.${lease}`]) {
    const wanted = { plugin: PLUGIN, version: "1.0.0", lease: wrong };
    await sendSigned(sale.instance.key, "/v1/downloads", { body: wanted });
  }
  expect(logged.length).toBeGreaterThan(0);
  expect(secretsLogged()).toEqual([]);
});

test("an error is described with its causes and without the values of its query", () => {
  const inner = new Error("D1_ERROR: no such table");
  const query = new DrizzleQueryError("SELECT ? FROM x", ["a value\n    at home"], inner);
  const text = describeError(new RbsmError("internal", "Went wrong", {}, query));
  expect(text).toMatch(/^RbsmError: Went wrong\n\s+at /);
  expect(text).toContain("\ncaused by Failed query: SELECT ? FROM x\n");
  expect(text).toContain("\ncaused by Error: D1_ERROR: no such table\n");
  expect(text).not.toContain("a value");
  expect(describeError("a text")).toBe("a text");
});

test("what opens something is blanked, and the rest of a line stays", () => {
  const { lease, link, secrets } = sale;
  for (const [what, secret] of [...Object.entries(secrets), ["lease", lease] as const]) {
    // Bare seeds have no shape: they are never part of an error.
    if (/_KEY$|ADMIN_TOKEN|SECRET$|old connector|code of/.test(what)) continue;
    expect(blankSecrets(`before ${secret} after`), what).toBe("before … after");
  }
  expect(blankSecrets(link)).not.toContain(secrets["code of a link"]);
  expect(blankSecrets(`Authorization: Bearer ${env.ADMIN_TOKEN}`)).toBe("Authorization: Bearer …");
  const digest = `bundle ${"ab".repeat(32)} of @acme/hello@1.0.0`;
  expect(blankSecrets(digest)).toBe(digest);
});
