import {
  activationRequestSchema,
  ERRORS,
  type ErrorCode,
  type InstanceProof,
  type LeaseClaims,
  leaseRequestSchema,
  RbsmError,
  type SigningKey,
  signLease,
  utf8,
  verifyProof,
} from "@rising-bsm/protocol";
import { type Context, Hono } from "hono";

const DAY_S = 86_400;
const ORIGIN = "https://marketplace.test";

/** The marketplace's side of one license, and what a test may do to it. */
export interface SampleLicenseServer {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** Terms of the next leases. */
  lic: LeaseClaims["lic"];
  leaseSeconds: number;
  /** Refuses every request with this code. */
  refuse: ErrorCode | null;
  /** Breaks the connection before (`request`) or after (`answer`) the server has acted. */
  lose: "request" | "answer" | null;
  /** Changes the next lease before it is signed. */
  forge: Partial<LeaseClaims>;
  /** Every `rid` that arrived, in order. */
  readonly rids: string[];
  seq: number;
  returned: boolean;
}

const TERMS = {
  lic: {
    kind: "subscription",
    until: null,
    updatesUntil: null,
    grace: 14 * DAY_S,
    seats: 1,
    users: null,
  },
  leaseSeconds: 14 * DAY_S,
} as const;

/**
 * The rules of the wire over real signatures: proofs are verified, a repeated rid gets the stored
 * lease, a spent seq is a conflict. No seats, no states, no database.
 */
export function createSampleLicenseServer(key: SigningKey, now: () => number): SampleLicenseServer {
  const app = new Hono();
  const server: SampleLicenseServer = {
    url: ORIGIN,
    fetch: async (input, init) => {
      if (server.lose === "request") throw new TypeError("fetch failed");
      const response = await app.fetch(new Request(input, init));
      if (server.lose === "answer") throw new TypeError("terminated");
      return response;
    },
    ...TERMS,
    refuse: null,
    lose: null,
    forge: {},
    rids: [],
    seq: 0,
    returned: false,
  };
  app.onError((error) => {
    const code = error instanceof RbsmError ? error.code : "internal";
    return Response.json({ code }, { status: ERRORS[code][0] });
  });
  addRoutes(app, { server, key, now, keys: [] });
  return server;
}

interface Issuer {
  readonly server: SampleLicenseServer;
  readonly key: SigningKey;
  readonly now: () => number;
  /** Thumbprints of the instances' keys: each has its own id. */
  readonly keys: string[];
}

function instanceOf({ keys }: Issuer, { instanceKeyJkt }: InstanceProof): string {
  return `instance-${keys.indexOf(instanceKeyJkt) + 1}`;
}

function addRoutes(app: Hono, issuer: Issuer): void {
  const { server, now } = issuer;
  let stored = { rid: "", lease: "" };

  async function grant(plugin: string, proof: InstanceProof): Promise<string> {
    if (stored.rid !== proof.rid) {
      stored = { rid: proof.rid, lease: await signNext(issuer, plugin, proof) };
    }
    return stored.lease;
  }

  app.post("/v1/instances", async (c) => {
    const proof = await proofOf(c, issuer);
    if (!issuer.keys.includes(proof.instanceKeyJkt)) issuer.keys.push(proof.instanceKeyJkt);
    return c.json({ instanceId: instanceOf(issuer, proof) });
  });
  app.post("/v1/licenses/activate", async (c) => {
    const proof = await proofOf(c, issuer);
    const { plugin, instanceId } = activationRequestSchema.parse(await c.req.json());
    if (instanceId !== instanceOf(issuer, proof)) throw new RbsmError("license_unknown");
    return c.json({ activationId: "activation-1", lease: await grant(plugin, proof) });
  });
  app.post("/v1/leases", async (c) => {
    const proof = await proofOf(c, issuer);
    const { seq } = leaseRequestSchema.parse(await c.req.json());
    const repeated = stored.rid === proof.rid && server.seq === seq + 1;
    if (!repeated && server.seq !== seq) throw new RbsmError("license_conflict");
    return c.json({ lease: await grant("@demo/invoices", proof) });
  });
  app.delete("/v1/activations/activation-1", async (c) => {
    await proofOf(c, issuer);
    const { receipt } = await c.req.json<{ receipt: string }>();
    const about = { method: "RETURN", url: "urn:uuid:activation-1", body: utf8(stored.lease) };
    await verifyProof(receipt, { ...about, now: now(), maxAgeS: Infinity });
    server.returned = true;
    return c.json({ returned: true });
  });
  app.post("/v1/downloads", async (c) => {
    await proofOf(c, issuer);
    const expiresAt = new Date(now() + 600_000).toISOString();
    return c.json({ url: `${ORIGIN}/b/x.rbsm?m=1`, expiresAt });
  });
}

async function proofOf(c: Context, { server, now }: Issuer): Promise<InstanceProof> {
  const body = new Uint8Array(await c.req.arrayBuffer());
  const request = { method: c.req.method, url: c.req.url, body, now: now(), maxAgeS: Infinity };
  const proof = await verifyProof(c.req.header("rbsm-proof") ?? "", request);
  server.rids.push(proof.rid);
  if (server.refuse !== null) throw new RbsmError(server.refuse);
  return proof;
}

function signNext(issuer: Issuer, plugin: string, proof: InstanceProof) {
  const { server, key, now } = issuer;
  server.seq += 1;
  const iat = Math.floor(now() / 1000);
  const claims = {
    aud: instanceOf(issuer, proof),
    sub: "license-1",
    jti: `activation-1.${server.seq}`,
    iat,
    nbf: iat,
    exp: iat + server.leaseSeconds,
    lic: server.lic,
    ent: { export: true, rows: 500, beta: false },
    plugin,
    cnf: { jkt: proof.instanceKeyJkt },
    seq: server.seq,
    org: "Muster GmbH",
    ...(proof.nonce === undefined ? {} : { nonce: proof.nonce }),
    ...server.forge,
  };
  return signLease(claims, { kid: key.keyId, privateKey: key });
}
