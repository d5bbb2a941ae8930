import { z } from "zod";
import { pluginFactsShape } from "./catalog-api.ts";
import { publicKeySchema } from "./documents.ts";
import { visibilitySchema } from "./manifest-schema.ts";
import { pluginNameSchema, publisherNameSchema, scopeSchema } from "./plugin-name.ts";
import { sha256Schema, timeSchema, treeDigestSchema, versionSchema } from "./statements.ts";
import { licenseeSchema, textSchema } from "./text.ts";

const text = textSchema(2_000);
const id = z.string().min(1).max(128);
const withReason = z.union([z.literal(false), z.object({ reason: z.string() })]);

/** One thing that is wrong, for a person. */
export const findingSchema = z.object({
  rule: z.string(),
  path: z.string(),
  message: z.string(),
  fix: z.string().optional(),
});

/** Body of every error (RFC 9457) of the marketplace and the host. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  code: z.string(),
  requestId: z.string(),
  fix: z.string().optional(),
  findings: z.array(findingSchema).optional(),
  /** Of a license that was refused to an instance which holds it: the signed word, for `verifyRefusal`. */
  refusal: z.string().optional(),
});

/** Body of every error of the marketplace and the host. */
export type Problem = z.output<typeof problemSchema>;

/** The cheapest way to pay for a plugin. */
export const priceSchema = z.object({
  amount: z.number(),
  currency: z.string(),
  period: z.enum(["month", "year"]).optional(),
});

/** A plugin in a list. */
export const pluginCardSchema = z.object({
  name: pluginNameSchema,
  displayName: text,
  description: text,
  version: versionSchema,
  publisher: z.string(),
  verified: z.boolean(),
  rating: z.number().nullable(),
  downloads: z.int(),
  permissions: z.array(z.string()),
  /** Null is free. */
  price: priceSchema.nullable(),
  /** URL path of its icon; an older marketplace names none. */
  icon: z.string().nullable().default(null),
  updatedAt: timeSchema,
});

/** A plugin in a list. */
export type PluginCard = z.output<typeof pluginCardSchema>;

/** A page of search results. */
export const pluginPageSchema = z.object({
  items: z.array(pluginCardSchema),
  nextCursor: z.string().nullable(),
  /** The page before; null on the first one. Older marketplaces send none. */
  prevCursor: z.string().nullable().optional(),
  /**
   * On an unfiltered first page, over the whole catalogue: how many plugins the filter `kind=value`
   * finds, for each of category, permission, price, license, host and verified. A value without plugins
   * is left out. Of `host` they are major versions: "2" runs on some 2.x, which a plugin without a range
   * does, and "19" stands for all later ones. An older marketplace leaves out kinds.
   */
  facets: z.record(z.string(), z.record(z.string(), z.int())).optional(),
  didYouMean: z.string().optional(),
  /** What of the query was taken for a filter: its words, and the parameter that they became. */
  understood: z
    .array(
      z.object({ words: z.string(), filter: z.object({ name: z.string(), value: z.string() }) }),
    )
    .optional(),
  /** Why little or nothing was found. */
  help: z
    .object({
      /** Words of the query that the plugins shown do not have. */
      withoutWords: z.array(z.string()),
      /** Filters, each with how many plugins at least are found without it. */
      withoutFilters: z.array(z.object({ name: z.string(), value: z.string(), atLeast: z.int() })),
    })
    .optional(),
});

/** A page of search results. */
export type PluginPage = z.output<typeof pluginPageSchema>;

/** One plan a plugin is sold under. */
export const planSchema = z.object({
  id: z.string(),
  kind: z.enum(["free", "perpetual", "subscription", "trial", "floating"]),
  price: z.object({ amount: z.number(), currency: z.string() }).optional(),
  period: z.enum(["month", "year"]).optional(),
  trialDays: z.int().optional(),
  /** -1 is any number. */
  seats: z.int().optional(),
  overage: z.int().optional(),
  users: z.int().optional(),
  entitlements: z.record(z.string(), z.union([z.boolean(), z.number()])).optional(),
});

/** A plugin's own page. */
export const pluginDetailSchema = pluginCardSchema.extend({
  author: z
    .object({ name: z.string(), url: z.string().optional(), email: z.string().optional() })
    .nullable(),
  homepage: z.string().nullable(),
  repository: z.string().nullable(),
  license: z.string().nullable(),
  categories: z.array(z.string()),
  keywords: z.array(z.string()),
  network: z.array(z.string()),
  dependencies: z.record(z.string(), z.string()),
  engines: z.record(z.string(), z.string()),
  channels: z.record(z.string(), z.string()),
  plans: z.array(planSchema),
  visibility: visibilitySchema.default("public"),
  /** The publisher that gets the plugin's scope, and when; null when nothing is about to change. */
  transfer: z.object({ to: publisherNameSchema, effectiveAt: timeSchema }).nullable().optional(),
  ...pluginFactsShape,
});

/** A plugin's own page. */
export type PluginDetail = z.output<typeof pluginDetailSchema>;

/** One version of a plugin. */
export const versionInfoSchema = z.object({
  version: versionSchema,
  sha256: sha256Schema,
  size: z.int(),
  treeDigest: treeDigestSchema,
  channels: z.array(z.string()),
  status: z.string(),
  publishedAt: timeSchema,
  yanked: withReason,
  deprecated: withReason,
  permissions: z.array(z.string()),
  network: z.array(z.string()),
  bundle: z.string(),
});

/** One version of a plugin. */
export type VersionInfo = z.output<typeof versionInfoSchema>;

/** One version, which its publisher sees before it is published too. */
export const versionStateSchema = versionInfoSchema.extend({
  /** Null until it is released. */
  publishedAt: timeSchema.nullable(),
  /** Why a review refused it. */
  statusReason: z.string().optional(),
});

/** One version, which its publisher sees before it is published too. */
export type VersionState = z.output<typeof versionStateSchema>;

/** `GET /v1/plugins/@s/n/versions`: the highest first. */
export const versionListSchema = z.object({
  items: z.array(versionInfoSchema),
  nextCursor: z.string().nullable().optional(),
});

/** The answer to an upload. */
export const publishResultSchema = z.object({
  status: z.enum(["published", "in_review"]),
  version: versionSchema,
  sha256: sha256Schema,
  findings: z.array(findingSchema),
});

/** The answer to an upload. */
export type PublishResult = z.output<typeof publishResultSchema>;

/** `POST /v1/publishers`. */
export const publisherRequestSchema = z.strictObject({
  name: publisherNameSchema,
  displayName: z.string().min(1).max(80),
});

/** `PUT /v1/publishers/{name}/verified`. */
export const verifiedRequestSchema = z.strictObject({ verified: z.boolean() });

/** The answer: the publisher as it is. */
export const publisherSchema = publisherRequestSchema.extend({ verified: z.boolean() });

/** `POST /v1/scopes`. */
export const scopeRequestSchema = z.strictObject({ scope: scopeSchema, publisher: id });

/** What an API token may allow. */
export const TOKEN_PERMISSIONS = [
  "publish",
  "yank",
  "licenses",
  "keys",
  "tokens",
  "review",
] as const;

/** `POST /v1/tokens`. */
export const tokenRequestSchema = z.strictObject({
  /** Without it the owner of `scope`, or the publisher whose token asks. */
  publisher: id.optional(),
  scope: scopeSchema.optional(),
  permissions: z.array(z.enum(TOKEN_PERMISSIONS)).min(1),
  expiresAt: timeSchema.optional(),
  /** Whether the old connector is to use it: then its secret is answered too. */
  legacy: z.boolean().optional(),
});

/** An API token, shown once. */
export const tokenResultSchema = z.object({
  id: z.string(),
  token: z.string(),
  /** What the old connector signs its requests with, as `id`'s secret. */
  legacySecret: z.string().optional(),
});

/** `GET /v1/whoami`: whose token it is; null is none, every scope and never. */
export const whoamiSchema = z.object({
  kind: z.enum(["admin", "token"]),
  publisher: z.string().nullable(),
  scope: z.string().nullable(),
  permissions: z.array(z.string()),
  expiresAt: timeSchema.nullable(),
});

/** Whose token it is and what it allows. */
export type Whoami = z.output<typeof whoamiSchema>;

/** `POST /v1/instances`. */
export const instanceRequestSchema = z.strictObject({ publicKey: publicKeySchema });

/** A registered instance. */
export const instanceResultSchema = z.object({ instanceId: z.string() });

/** -1 is any number. */
const seatsWanted = z.union([z.literal(-1), z.int().min(1).max(1_000_000)]);

/** `POST /v1/licenses`. */
export const licenseRequestSchema = z.strictObject({
  plugin: pluginNameSchema,
  plan: id,
  seats: seatsWanted.optional(),
  org: licenseeSchema.optional(),
  /** A key of the old marketplace, which goes on being the license's: for the administrator. */
  licenseKey: z.string().min(1).max(100).optional(),
});

/** `POST /v1/licenses`. */
export type LicenseRequest = z.output<typeof licenseRequestSchema>;

/** A license; the key is shown once. */
export const licenseResultSchema = z.object({ licenseId: z.string(), licenseKey: z.string() });

/** `POST /v1/licenses/{id}/upgrade`. Without `seats` the license keeps what it has, if that is more. */
export const upgradeRequestSchema = z.strictObject({ plan: id, seats: seatsWanted.optional() });

/** `POST /v1/licenses/{id}/upgrade`. */
export type UpgradeRequest = z.output<typeof upgradeRequestSchema>;

const licenseState = z.enum(["active", "suspended", "revoked", "expired"]);

/** What a change of a license answers. */
export const licenseChangeSchema = z.object({
  licenseId: z.string(),
  state: licenseState,
  until: timeSchema.nullable(),
  updatesUntil: timeSchema.nullable(),
  /** After a transfer: the new key, shown once. */
  licenseKey: z.string().optional(),
});

/** A license as those see it who sell it; null is any number, and without end. */
export const licenseInfoSchema = z.object({
  licenseId: z.string(),
  plugin: pluginNameSchema,
  plan: z.string(),
  kind: planSchema.shape.kind,
  state: licenseState,
  /** What its payment came to; a license that was not bought here is `ok`. */
  payment: z.enum(["ok", "disputed", "refunded"]),
  seats: z.int().nullable(),
  /** Instances above the seats that may hold it too. */
  overage: z.int(),
  users: z.int().nullable(),
  entitlements: z.record(z.string(), z.union([z.boolean(), z.number()])),
  org: z.string().nullable(),
  period: z.enum(["month", "year"]).nullable(),
  until: timeSchema.nullable(),
  updatesUntil: timeSchema.nullable(),
  transferredAt: timeSchema.nullable(),
  orderId: z.string().nullable(),
  createdAt: timeSchema,
});

/** A license as those see it who sell it. */
export type LicenseInfo = z.output<typeof licenseInfoSchema>;

/** `GET /v1/licenses`, the newest first. */
export const licensePageSchema = z.object({
  items: z.array(licenseInfoSchema),
  nextCursor: z.string().nullable(),
});

/** A license on an instance. */
export const activationInfoSchema = z.object({
  activationId: z.string(),
  instanceId: z.string(),
  /** Number of its newest lease, and when that ends. */
  seq: z.int(),
  leaseUntil: timeSchema,
  /** Until when it takes a seat; null is until it is returned. */
  heldUntil: timeSchema.nullable(),
  endedAt: timeSchema.nullable(),
  overSeats: z.boolean(),
  /** Renewals of a lease that had been renewed before: somebody holds a copy, or was set back. */
  conflicts: z.int(),
  conflictsSince: timeSchema.nullable(),
  /** How often an older lease was shown and the newest one answered, in the running window. */
  resumes: z.int(),
  createdAt: timeSchema,
});

/** A license on an instance. */
export type ActivationInfo = z.output<typeof activationInfoSchema>;

/** `GET /v1/licenses/{id}`: the license, and its activations by how long they take their seats. */
export const licenseDetailSchema = licenseInfoSchema.extend({
  activations: z.array(activationInfoSchema),
  nextCursor: z.string().nullable(),
});

/** `POST /v1/licenses/activate`. */
export const activationRequestSchema = z.strictObject({
  licenseKey: z.string().min(1).max(100),
  plugin: pluginNameSchema,
  instanceId: id,
});

/** An activation and its first lease. */
export const activationResultSchema = z.object({ activationId: z.string(), lease: z.string() });

/** `POST /v1/leases`. */
export const leaseRequestSchema = z.strictObject({
  activationId: id,
  seq: z.int().min(1),
  rid: id,
});

/** `POST /v1/activations/{id}/resume`: the newest lease that the host holds. */
export const resumeRequestSchema = z.strictObject({ lease: z.string().max(8_192) });

/** The next lease. */
export const leaseResultSchema = z.object({ lease: z.string() });

/** `POST /v1/downloads`. */
export const downloadRequestSchema = z.strictObject({
  plugin: pluginNameSchema,
  version: versionSchema,
  lease: z.string().max(8_192),
});

/** Where to fetch a bundle, and until when. */
export const downloadResultSchema = z.object({ url: z.string(), expiresAt: timeSchema });
