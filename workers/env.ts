import { RbsmError, fromBase64url, signingKeyFromSeed } from "@rising-bsm/protocol";
import type { SigningKey } from "@rising-bsm/protocol";
import { z } from "zod";

const seed = z.string().regex(/^[A-Za-z0-9_-]{43}$/, "must be 32 bytes as base64url");

/** Vars and secrets. Each secret is a base64url 32-byte seed, except the administrator's token. */
const settingsSchema = z.object({
  ADMIN_TOKEN: z.string().min(32),
  RELEASE_KEY: seed,
  LEASE_KEY: seed,
  SNAPSHOT_KEY: seed,
  TIMESTAMP_KEY: seed,
  CATALOG_KEY: seed,
  LOG_KEY: seed,
  DOWNLOAD_KEY: seed,
  CURSOR_KEY: seed,
  /** License keys and the secrets of webhooks are derived from it, so that none has to be stored. */
  ISSUE_KEY: seed,
  REVIEW_POLICY: z.enum(["open", "first-release"]),
  /** Name of the log and of its key. */
  LOG_ORIGIN: z.string().regex(/^[^\s+]{1,200}$/),
  /** Least time between two writes of one R2 key: R2 takes one a second. */
  POINTER_INTERVAL_MS: z.coerce.number().int().min(0),
  /** With both of them plans can be bought with Stripe. */
  STRIPE_SECRET_KEY: z.string().min(1).optional(),
  STRIPE_WEBHOOK_SECRET: z.string().min(1).optional(),
  /** A server that answers in Stripe's place, for tests. */
  STRIPE_API_URL: z.url().optional(),
});

export type Settings = Readonly<z.output<typeof settingsSchema>>;

type OptionalSetting = "STRIPE_SECRET_KEY" | "STRIPE_WEBHOOK_SECRET" | "STRIPE_API_URL";
type RequiredSetting = Exclude<keyof Settings, OptionalSetting>;

/** What wrangler binds: values are unchecked until `settings()` has parsed them. */
export interface Bindings
  extends Record<RequiredSetting, string>, Partial<Record<OptionalSetting, string>> {
  readonly DB: D1Database;
  readonly SEARCH: D1Database;
  readonly BUNDLES: R2Bucket;
  readonly PRIVATE: R2Bucket;
  /** Floods are cut off where these are bound. */
  readonly RATE_BROWSE?: RateLimit;
  readonly RATE_SEARCH?: RateLimit;
  readonly RATE_WRITE?: RateLimit;
  readonly RATE_BEACON?: RateLimit;
  readonly RATE_WIDE?: RateLimit;
  readonly RATE_WIDE_BROWSE?: RateLimit;
  readonly RATE_WIDE_WRITE?: RateLimit;
}

/** Who sent the request, as far as its token proves it. */
export type Principal =
  | { readonly kind: "admin"; readonly actor: string }
  | {
      readonly kind: "token";
      readonly actor: string;
      readonly publisher: string;
      /** The one scope that the token is limited to; null is every scope of the publisher. */
      readonly scope: string | null;
      readonly permissions: readonly string[];
      readonly expiresAt: number | null;
    };

export interface AppEnv {
  Bindings: Bindings;
  Variables: { requestId: string; principal: Principal };
}

const parsed = new WeakMap<Bindings, Settings>();

export function settings(env: Bindings): Settings {
  const known = parsed.get(env);
  if (known !== undefined) return known;
  const result = settingsSchema.safeParse(env);
  if (!result.success) {
    const names = result.error.issues.map((issue) => issue.path.join("."));
    throw new RbsmError("unavailable", `The Worker's settings are incomplete: ${names.join(", ")}`);
  }
  parsed.set(env, result.data);
  return result.data;
}

type SeedName = Exclude<
  RequiredSetting,
  "ADMIN_TOKEN" | "REVIEW_POLICY" | "LOG_ORIGIN" | "POINTER_INTERVAL_MS"
>;
type SigningKeyName = Exclude<SeedName, "DOWNLOAD_KEY" | "CURSOR_KEY" | "ISSUE_KEY">;

/** The raw 32 bytes of a secret. */
export function secretBytes(env: Bindings, name: SeedName): Uint8Array<ArrayBuffer> {
  return fromBase64url(settings(env)[name]);
}

const signingKeys = new Map<string, Promise<SigningKey>>();

/** One of the Worker's Ed25519 keys, imported once an isolate. */
export function signingKey(env: Bindings, name: SigningKeyName): Promise<SigningKey> {
  const seedText = settings(env)[name];
  const known = signingKeys.get(seedText);
  if (known !== undefined) return known;
  const key = signingKeyFromSeed(secretBytes(env, name));
  signingKeys.set(seedText, key);
  return key;
}
