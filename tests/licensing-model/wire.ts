import { env } from "cloudflare:workers";
import {
  fromBase64url,
  keyThumbprint,
  type LeaseClaims,
  type RefusalClaims,
  verifyLease,
  verifyRefusal,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { leaseKeys } from "../../workers/licenses/sign-lease.ts";
import { call } from "../../workers/testing.ts";
import { failingAt } from "../../workers/testing-bindings.ts";
import { type Answer, assertAnswered, type Exchange, note } from "./bookkeeper.ts";
import { type Asked, type Asker, judge } from "./judge.ts";
import type { Ledger } from "./ledger.ts";

/** What goes wrong with one request, and where. */
export type Fault =
  /** The host is answered what somebody has recorded; the marketplace never hears of it. */
  | "old lease"
  | "old refusal"
  | "request lost"
  | "answer lost"
  | "first write failed"
  | "second write failed"
  | "second write failed but stored";

/** A request as it left a host. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly text: string;
  readonly asked: Asked;
  readonly asker: Asker & { readonly nonce?: string | undefined };
}

/** A host's connection: what to do to the next request, and who hears of it. */
export interface Link {
  cut: boolean;
  fault: Fault | null;
  readonly onSent: (sent: Sent) => void;
  readonly onAnswer: (sent: Sent, answer: Answer) => void;
}

/** Between hosts and the real Worker: loses what it is told to lose, and holds every answer against the ledger. */
export class Wire {
  readonly #ledger: Ledger;
  /** Everything that ever reached the Worker. */
  readonly sent: Sent[] = [];
  readonly #answers: Exchange[] = [];
  /** The first answer that was wrong. To a host it looks like a network that fails. */
  violation: Error | null = null;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** The `fetch` of a host. */
  fetchOf(link: Link): typeof fetch {
    return async (input, init) => {
      const sent = await readSent(new Request(input, init));
      link.onSent(sent);
      const { fault } = link;
      link.fault = null;
      if (link.cut || fault === "request lost") throw new TypeError("fetch failed");
      const answer = this.#recorded(sent, fault) ?? (await this.#deliverNoting(sent, fault));
      if (fault === "answer lost") throw new TypeError("terminated");
      link.onAnswer(sent, answer);
      return new Response(answer.text, {
        status: answer.status,
        headers: { "content-type": "application/json" },
      });
    };
  }

  /** The first such answer that this instance ever got. */
  #recorded({ asked, asker }: Sent, fault: Fault | null): Answer | null {
    if (asked.kind !== "renew" && asked.kind !== "resume") return null;
    const isOwn = ({ asker: other }: Exchange) => other.jkt === asker.jkt;
    const answers = this.#answers.filter(isOwn).map(({ answer }) => answer);
    if (fault === "old lease") return answers.find(({ lease }) => lease !== null) ?? null;
    if (fault === "old refusal") return answers.find(({ refusal }) => refusal !== null) ?? null;
    return null;
  }

  async #deliverNoting(sent: Sent, fault: Fault | null): Promise<Answer> {
    try {
      return await this.deliver(sent, fault);
    } catch (error) {
      this.violation ??= error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }

  /** Hands a request to the Worker and checks what comes back. */
  async deliver(sent: Sent, fault: Fault | null = null): Promise<Answer> {
    this.sent.push(sent);
    const { method, path, headers, text, asked, asker } = sent;
    const verdict = judge(this.#ledger, asked, asker);
    const broken = brokenBindings(fault);
    const response = await call(path, { method, headers, body: text }, broken?.bindings ?? env);
    const answer = await readAnswer(response);
    const exchange = { asked, asker, answer };
    this.#answers.push(exchange);
    if (broken?.hit() === true && answer.status === 500) await this.#readCommitted(sent);
    else {
      assertAnswered(this.#ledger, verdict, exchange);
      note(this.#ledger, exchange);
    }
    if (asked.kind === "activate" && answer.status !== 200) this.#ledger.noteRefusal(asker.jkt);
    return answer;
  }

  /** After a write that failed nobody but the database knows whether it did. */
  async #readCommitted({ asked, asker }: Sent): Promise<void> {
    const { results } = await env.DB.prepare(
      "SELECT a.id, a.rid, a.lease, a.ended_at FROM activations a JOIN instances i ON i.id = a.instance_id WHERE i.jkt = ?",
    )
      .bind(asker.jkt)
      .all<{ id: string; rid: string; lease: string; ended_at: number | null }>();
    for (const { id, rid, lease, ended_at: endedAt } of results) {
      const line = this.#ledger.lines.get(id);
      const isReturned = asked.kind === "return" && asked.activationId === id && endedAt !== null;
      if (isReturned && line !== undefined) line.ended ??= "returned";
      if (!this.#ledger.tokens.has(lease)) this.#ledger.record(lease, await readLease(lease), rid);
    }
  }
}

function brokenBindings(fault: Fault | null) {
  if (fault === "first write failed") return failingAt(env, 1, "failed");
  if (fault === "second write failed") return failingAt(env, 2, "failed");
  if (fault === "second write failed but stored") return failingAt(env, 2, "failed but stored");
  return null;
}

const headSchema = z.object({ jwk: z.object({ x: z.string() }) });
const proofSchema = z.object({ rid: z.string(), nonce: z.string().optional() });

async function readSent(request: Request): Promise<Sent> {
  const { method } = request;
  const { pathname: path } = new URL(request.url);
  const headers = Object.fromEntries(request.headers);
  const text = await request.text();
  const [head = "", payload = ""] = (headers["rbsm-proof"] ?? "").split(".");
  const jkt = await keyThumbprint(fromBase64url(headSchema.parse(parsePart(head)).jwk.x));
  const asker = { jkt, ...proofSchema.parse(parsePart(payload)) };
  return { method, path, headers, text, asker, asked: readAsked(path, text) };
}

const activateBody = z.object({ licenseKey: z.string() });
const renewBody = z.object({ activationId: z.string(), seq: z.int() });
const resumeBody = z.object({ lease: z.string() });

function readAsked(path: string, text: string): Asked {
  const body: unknown = JSON.parse(text);
  if (path === "/v1/instances") return { kind: "register" };
  if (path === "/v1/licenses/activate") return { kind: "activate", ...activateBody.parse(body) };
  if (path === "/v1/leases") return { kind: "renew", ...renewBody.parse(body) };
  const [, , , activationId = "", action] = path.split("/");
  if (action === undefined) return { kind: "return", activationId };
  return { kind: "resume", activationId, token: resumeBody.parse(body).lease };
}

function parsePart(part: string): unknown {
  return JSON.parse(new TextDecoder().decode(fromBase64url(part)));
}

const answerSchema = z.looseObject({
  lease: z.string().optional(),
  refusal: z.string().optional(),
});

async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const { lease, refusal } = answerSchema.parse(JSON.parse(text));
  return {
    status: response.status,
    text,
    lease: lease === undefined ? null : { token: lease, claims: await readLease(lease) },
    refusal: refusal === undefined ? null : await readRefusal(refusal),
  };
}

/** Everything that the marketplace signs verifies, for whoever it says it is for. */
async function readLease(token: string): Promise<LeaseClaims> {
  return verifyLease(token, { keys: await leaseKeys(env), audience: audienceOf(token) });
}

async function readRefusal(token: string): Promise<RefusalClaims> {
  return verifyRefusal(token, { keys: await leaseKeys(env), audience: audienceOf(token) });
}

function audienceOf(token: string): string {
  return z.object({ aud: z.string() }).parse(parsePart(token.split(".")[1] ?? "")).aud;
}
