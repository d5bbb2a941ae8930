import {
  activationRequestSchema,
  ERRORS,
  type ErrorCode,
  type InstanceProof,
  type LeaseClaims,
  leaseRequestSchema,
  LICENSE_LIMITS,
  RbsmError,
  type RefusalClaims,
  type SigningKey,
  signLease,
  signRefusal,
  utf8,
  verifyLease,
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
  /** Refuses renewals with its signed word. */
  refusal: RefusalClaims["reason"] | null;
  /** Seconds in the header Retry-After of refusals. */
  retryAfter: number | null;
  /** Takes an instance that resumes for a copy. */
  hard: boolean;
  /** Breaks the connection before (`request`) or after (`answer`) the server has acted. */
  lose: "request" | "answer" | null;
  /** Changes the next lease before it is signed. */
  forge: Partial<LeaseClaims>;
  /** Changes the next refusal before it is signed. */
  forgeRefusal: Partial<RefusalClaims>;
  /** Signs with this key; tests replace it. */
  key: SigningKey;
  /** Every `rid` that arrived, in order. */
  readonly rids: string[];
  /** Paths that were asked, in order. */
  readonly paths: string[];
  seq: number;
  returned: boolean;
  /** What the database held: calling the result sets it back to that. */
  backUp(): () => void;
  /** The database was lost. */
  forget(): void;
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
  const stored = { ...NOTHING };
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
    refusal: null,
    retryAfter: null,
    hard: false,
    lose: null,
    forge: {},
    forgeRefusal: {},
    key,
    rids: [],
    paths: [],
    seq: 0,
    returned: false,
    backUp() {
      const [before, seq] = [{ ...stored }, server.seq];
      return () => {
        Object.assign(stored, before);
        server.seq = seq;
      };
    },
    forget() {
      Object.assign(stored, NOTHING);
      server.seq = 0;
    },
  };
  app.onError((error) => {
    const { code, detail } = error instanceof RbsmError ? error : new RbsmError("internal");
    const { retryAfter } = server;
    const headers = retryAfter === null ? undefined : { "retry-after": String(retryAfter) };
    return Response.json(
      { code, ...detail },
      { status: ERRORS[code][0], ...(headers && { headers }) },
    );
  });
  addRoutes(app, { server, stored, key, now, keys: [] });
  return server;
}

/** The newest lease and the request that made it. */
interface StoredLease {
  rid: string;
  lease: string;
  plugin: string;
}

const NOTHING: StoredLease = { rid: "", lease: "", plugin: "@demo/invoices" };

interface Issuer {
  readonly server: SampleLicenseServer;
  readonly stored: StoredLease;
  /** Its first key. */
  readonly key: SigningKey;
  readonly now: () => number;
  /** Thumbprints of the instances' keys: each has its own id. */
  readonly keys: string[];
}

function instanceOf({ keys }: Issuer, { instanceKeyJkt }: InstanceProof): string {
  return `instance-${keys.indexOf(instanceKeyJkt) + 1}`;
}

/** The stored lease for a repeated request, else the next one. */
async function grant(issuer: Issuer, plugin: string, proof: InstanceProof): Promise<string> {
  const { stored } = issuer;
  if (stored.rid !== proof.rid) {
    const lease = await signNext(issuer, plugin, proof);
    Object.assign(stored, { rid: proof.rid, lease, plugin });
  }
  return stored.lease;
}

function addRoutes(app: Hono, issuer: Issuer): void {
  const { server, now, stored } = issuer;

  app.post("/v1/instances", async (c) => {
    const proof = await proofOf(c, issuer);
    if (!issuer.keys.includes(proof.instanceKeyJkt)) issuer.keys.push(proof.instanceKeyJkt);
    return c.json({ instanceId: instanceOf(issuer, proof) });
  });
  app.post("/v1/licenses/activate", async (c) => {
    const proof = await proofOf(c, issuer);
    const { plugin, instanceId } = activationRequestSchema.parse(await c.req.json());
    if (instanceId !== instanceOf(issuer, proof)) throw new RbsmError("license_unknown");
    return c.json({ activationId: "activation-1", lease: await grant(issuer, plugin, proof) });
  });
  app.post("/v1/leases", async (c) => {
    const proof = await proofOf(c, issuer);
    const { seq } = leaseRequestSchema.parse(await c.req.json());
    await refuseRenewal(issuer, proof, seq);
    if (stored.lease === "") throw new RbsmError("license_refused");
    const repeated = stored.rid === proof.rid && server.seq === seq + 1;
    if (!repeated && server.seq !== seq) throw new RbsmError("license_conflict");
    return c.json({ lease: await grant(issuer, stored.plugin, proof) });
  });
  app.post("/v1/activations/activation-1/resume", async (c) => {
    const proof = await proofOf(c, issuer);
    const { lease } = await c.req.json<{ lease: string }>();
    const { seq } = await verifyLease(lease, {
      keys: (kid) => (kid === issuer.key.keyId ? issuer.key : server.key).publicKey,
      audience: instanceOf(issuer, proof),
    });
    await refuseRenewal(issuer, proof, seq);
    if (server.hard) throw new RbsmError("license_conflict");
    if (seq > server.seq) {
      server.seq = seq;
      Object.assign(stored, { rid: "", lease });
    }
    return c.json({ lease: stored.lease });
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
    await proofOf(c, issuer, LICENSE_LIMITS.proofAgeMs / 1000);
    if (server.refusal !== null) throw new RbsmError("license_refused");
    const expiresAt = new Date(now() + 600_000).toISOString();
    return c.json({ url: `${ORIGIN}/b/x.rbsm?m=1`, expiresAt });
  });
}

async function refuseRenewal(issuer: Issuer, proof: InstanceProof, seq: number): Promise<void> {
  const { server, now } = issuer;
  if (server.refusal === null) return;
  const claims = {
    aud: instanceOf(issuer, proof),
    sub: "license-1",
    activation: "activation-1",
    plugin: issuer.stored.plugin,
    iat: Math.floor(now() / 1000),
    seq,
    reason: server.refusal,
    ...(proof.nonce === undefined ? {} : { nonce: proof.nonce }),
    ...server.forgeRefusal,
  };
  const signer = { kid: server.key.keyId, privateKey: server.key };
  const detail = { refusal: await signRefusal(claims, signer) };
  throw new RbsmError("license_refused", undefined, detail);
}

async function proofOf(
  c: Context,
  { server, now }: Issuer,
  maxAgeS = Infinity,
): Promise<InstanceProof> {
  const body = new Uint8Array(await c.req.arrayBuffer());
  const request = { method: c.req.method, url: c.req.url, body, now: now(), maxAgeS };
  const proof = await verifyProof(c.req.header("rbsm-proof") ?? "", request);
  server.rids.push(proof.rid);
  server.paths.push(new URL(c.req.url).pathname);
  if (server.refuse !== null) throw new RbsmError(server.refuse);
  return proof;
}

function signNext(issuer: Issuer, plugin: string, proof: InstanceProof) {
  const { server, now } = issuer;
  const { key } = server;
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
