import { RbsmError } from "@rising-bsm/protocol";
import { Hono } from "hono";
import { requireSchema, writeDatabase } from "../database.ts";
import type { AppEnv } from "../env.ts";
import { CACHE } from "../http.ts";
import type { AppContext } from "../http.ts";
import { areForged, readCredentials, requireSeller } from "./credentials.ts";
import { answer, readJson } from "./envelope.ts";
import { issue, revoke, transfer } from "./manage-licenses.ts";
import { listCustomerLicenses } from "./queries.ts";
import { orderSchema, presentedSchema, revocationSchema, transferSchema } from "./requests.ts";
import { forgetVerdict, recallVerdict, rememberVerdict } from "./remember-verdict.ts";
import { runVerification } from "./run-verification.ts";
import type { Presented, Verdict } from "./run-verification.ts";
import { showLicense } from "./show-license.ts";
import { REFUSALS } from "./verify-license.ts";

/** The check that every host of the old system makes, which works while the database is away too. */
export const verifyRoute = new Hono<AppEnv>();

verifyRoute.post("/licenses/verify", async (c) => {
  const presented = await readJson(c, presentedSchema);
  try {
    await requireSchema(c, async () => {});
    return answer(c, await verdictOf(c, presented));
  } catch (error) {
    if (error instanceof RbsmError && error.status < 500) throw error;
    return answerFromMemory(c, presented, error);
  }
});

/** Licenses as the old connector sells them. */
export const licenseRoutes = new Hono<AppEnv>();

licenseRoutes.post("/licenses", requireSeller("licenses"), async (c) => {
  const order = await readJson(c, orderSchema);
  return answer(c, await issue(c, order), { message: "License created", status: 201 });
});

licenseRoutes.post("/licenses/:key/transfer", requireSeller("licenses"), async (c) => {
  const { newUserId } = await readJson(c, transferSchema);
  const moved = await transfer(c, c.req.param("key"), String(newUserId));
  return answer(c, moved, { message: "License transferred" });
});

licenseRoutes.post("/licenses/:key/revoke", requireSeller("licenses"), async (c) => {
  const { reason } = await readJson(c, revocationSchema);
  const revoked = await revoke(c, c.req.param("key"), reason ?? null);
  return answer(c, revoked, { message: "License revoked" });
});

/** Without an envelope: the old connector takes the whole answer for the list. */
licenseRoutes.get("/users/:id/licenses", requireSeller("licenses"), async (c) => {
  const principal = c.get("principal");
  const { publisher, scope } = principal.kind === "admin" ? EVERYBODYS : principal;
  const now = Date.now();
  const customer = { userId: c.req.param("id"), publisher, scope };
  const known = await listCustomerLicenses(writeDatabase(c.env), customer, now);
  return c.json(
    known.map((one) => showLicense(one, { licenseKey: "" }, now)),
    200,
    { "Cache-Control": CACHE.none },
  );
});

const EVERYBODYS = { publisher: null, scope: null };

async function verdictOf(c: AppContext, presented: Presented) {
  const credentials = readCredentials(c.req.header("authorization"));
  if (credentials !== null && (await areForged(c.env, credentials))) {
    return { valid: false, error: REFUSALS.signature, offline: false };
  }
  return shown(c, presented, await runVerification(c, presented));
}

async function shown(c: AppContext, presented: Presented, verdict: Verdict) {
  if (!verdict.valid) {
    await forgetVerdict(c, presented);
    return { valid: false, error: verdict.error, offline: false };
  }
  const license = showLicense(verdict.known, presented, Date.now());
  const good = { valid: true, license, offline: false };
  if (verdict.written) await rememberVerdict(c, presented, good);
  return good;
}

/** While the database is away, who was let in these seven days still is. */
async function answerFromMemory(
  c: AppContext,
  presented: Presented,
  cause: unknown,
): Promise<Response> {
  const known = await recallVerdict(c, presented);
  if (known !== null) return answer(c, { ...known, offline: true });
  throw new RbsmError("unavailable", "License verification failed", {}, cause);
}
