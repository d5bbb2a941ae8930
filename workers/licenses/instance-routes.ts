import {
  activationRequestSchema,
  activationResultSchema,
  assertPublicKey,
  base64url,
  hashLicenseKey,
  instanceRequestSchema,
  instanceResultSchema,
  LICENSE_LIMITS,
  RbsmError,
} from "@rising-bsm/protocol";
import type { Context } from "hono";
import { writeDatabase } from "../database.ts";
import { createRoute, createRoutes, jsonAnswer, jsonBody, problemAnswer, PROOF } from "../http.ts";
import { admitActivation } from "./admit-activation.ts";
import { instanceAudit, registrationAudit } from "./instance-audit.ts";
import { requireProof } from "./instance-proof.ts";
import type { ProvenEnv } from "./instance-proof.ts";
import { startTrial } from "./issue-license.ts";
import { forgiveAttempt, loadActivation, registerInstance, writeActivation } from "./queries.ts";
import type { LoadedActivation } from "./queries.ts";
import { signNextLease } from "./sign-lease.ts";
import type { Activation, License } from "./tables.ts";

const registerRoute = createRoute({
  method: "post",
  path: "/v1/instances",
  middleware: [requireProof] as const,
  security: PROOF,
  request: { body: jsonBody(instanceRequestSchema) },
  responses: {
    200: jsonAnswer(instanceResultSchema, "Registered, now or before"),
    default: problemAnswer,
  },
});

const activateRoute = createRoute({
  method: "post",
  path: "/v1/licenses/activate",
  middleware: [requireProof] as const,
  security: PROOF,
  request: { body: jsonBody(activationRequestSchema) },
  responses: { 200: jsonAnswer(activationResultSchema, "The first lease"), default: problemAnswer },
});

/** For hosts: who they are, and the first lease of a license. */
export const instanceRoutes = createRoutes()
  .openapi(registerRoute, async (c) => {
    const { publicKey, instanceKeyJkt: jkt } = c.get("proof");
    if (c.req.valid("json").publicKey !== base64url(publicKey)) {
      throw new RbsmError(
        "auth_proof_invalid",
        "The proof is by another key than the one to register",
      );
    }
    assertPublicKey(publicKey);
    const instance = {
      id: crypto.randomUUID(),
      publicKey: base64url(publicKey),
      jkt,
      createdAt: Date.now(),
    };
    const fact = { at: instance.createdAt, requestId: c.get("requestId") };
    const entry = registrationAudit(instance.id, fact);
    const instanceId = await registerInstance(writeDatabase(c.env), instance, entry);
    return c.json({ instanceId }, 200);
  })
  .openapi(activateRoute, async (c) => {
    const body = c.req.valid("json");
    const keyHash = await hashLicenseKey(body.licenseKey);
    const { id, lease } = await activate(c, { ...body, keyHash });
    return c.json({ activationId: id, lease }, 200);
  });

interface KeyAttempt {
  readonly keyHash: string;
  readonly plugin: string;
  readonly instanceId: string;
}

/** A seat that another request took in between is decided once more, then it is refused. */
async function activate(c: Context<ProvenEnv>, attempt: KeyAttempt): Promise<Activation> {
  const db = writeDatabase(c.env);
  const { instanceKeyJkt: jkt, rid } = c.get("proof");
  for (let tries = 0; tries < 3; tries++) {
    const now = Date.now();
    const loaded = await loadActivation(db, { ...attempt, jkt }, now);
    assertMayTry(loaded);
    const decision = admitActivation(loaded.facts, { plugin: attempt.plugin, rid }, now);
    if (decision.kind === "refuse") throw new RbsmError(decision.code);
    if (decision.kind === "stored") {
      await forgiveAttempt(db, attempt.instanceId);
      return decision.own;
    }
    const { license, own } = decision;
    const activation = await nextActivation(
      c,
      { license, own, instanceId: attempt.instanceId },
      now,
    );
    const entry = instanceAudit(activation, {
      action: "license.activate",
      at: now,
      requestId: c.get("requestId"),
    });
    const write = {
      activation,
      replaces: own?.seq ?? null,
      license: startTrial(license, now),
      now,
    };
    if (await writeActivation(db, write, entry)) return activation;
  }
  throw new RbsmError("unavailable", "The license is being activated elsewhere at this moment");
}

function assertMayTry({ attempts }: LoadedActivation): void {
  if (attempts === null) {
    throw new RbsmError("auth_proof_invalid", "The instance is not registered with this key");
  }
  if (attempts > LICENSE_LIMITS.activationAttempts) {
    throw new RbsmError("limit_rate", "Too many license keys were refused", {
      fix: "Check the key, wait an hour and try again.",
    });
  }
}

interface Seat {
  readonly license: License;
  readonly own: Activation | null;
  readonly instanceId: string;
}

async function nextActivation(
  c: Context<ProvenEnv>,
  { license, own, instanceId }: Seat,
  now: number,
): Promise<Activation> {
  const { instanceKeyJkt: jkt, rid, nonce } = c.get("proof");
  const id = own?.id ?? crypto.randomUUID();
  const seq = (own?.seq ?? 0) + 1;
  const terms = {
    license: startTrial(license, now),
    activationId: id,
    instanceId,
    jkt,
    seq,
    nonce,
  };
  return {
    id,
    licenseId: license.id,
    instanceId,
    plugin: license.plugin,
    trial: license.kind === "trial",
    rid,
    endedAt: null,
    conflicts: 0,
    conflictsSince: null,
    createdAt: own?.createdAt ?? now,
    ...(await signNextLease(c.env, terms, now)),
  };
}
