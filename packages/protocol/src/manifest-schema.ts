import { z } from "zod";
import { entryNameProblem, isSignatureEntry } from "./bundle-profile.ts";
import { CATEGORIES } from "./categories.ts";
import { configSchema } from "./config-schema.ts";
import { isCron } from "./cron.ts";
import { HOOK_EVENTS } from "./events.ts";
import { MANIFEST_LIMITS, REQUESTABLE_LIMITS, VERSION_LIMITS } from "./limits.ts";
import { networkHost, normalizePermission, PERMISSIONS } from "./permissions.ts";
import { PLUGIN_NAME } from "./plugin-name.ts";
import { suggest } from "./suggest.ts";
import { textSchema, type Text } from "./text.ts";
import { isVersion, isVersionRange } from "./version.ts";

interface TextRule {
  readonly test: (value: string) => boolean;
  readonly message: string;
  readonly fix: string;
  /** What JSON Schema can say of the rule. */
  readonly meta?: { readonly pattern?: string; readonly maxLength?: number };
}

function rule({ test, message, fix, meta = {} }: TextRule) {
  return z
    .string()
    .refine(test, { error: message, params: { rule: "manifest_invalid_value", fix } })
    .meta(meta);
}

function match(pattern: RegExp, message: string, fix: string) {
  return rule({
    test: (value) => pattern.test(value),
    message,
    fix,
    meta: { pattern: pattern.source },
  });
}

function list<T extends z.ZodType>(item: T, max: number = MANIFEST_LIMITS.listItems) {
  return z.array(item).max(max).default([]);
}

const pluginName = match(
  PLUGIN_NAME,
  "must look like @scope/name: lower-case letters, digits and dashes",
  'Write it like "@acme/hello"',
);
const version = rule({
  test: isVersion,
  message: "must be a full semantic version",
  fix: 'Write it like "1.0.0" or "1.0.0-beta.1"',
  meta: { maxLength: VERSION_LIMITS.versionLength },
});
const range = rule({
  test: isVersionRange,
  message: "must be a semver range",
  fix: 'Write it like "^1.2.0" or ">=1.2 <3"',
  meta: { maxLength: VERSION_LIMITS.rangeLength },
});
const filePath = rule({
  test: (value) => entryNameProblem(value) === null && !isSignatureEntry(value),
  message: "must be the path of a file in the bundle",
  fix: 'Write it without "./" or "..", like "src/index.js"',
});
const image = filePath.refine((value) => /\.(?:png|webp|jpe?g)$/.test(value), {
  error: "must be a png, webp or jpeg file",
  params: { rule: "manifest_invalid_value", fix: "Use a .png, .webp, .jpg or .jpeg file" },
});
const markdown = filePath.refine((value) => value.endsWith(".md"), {
  error: "must be a Markdown file",
  params: { rule: "manifest_invalid_value", fix: "Use a .md file" },
});
const url = rule({
  test: (value) => value.length <= MANIFEST_LIMITS.urlChars && isWebUrl(value),
  message: "must be an https URL",
  fix: 'Write it like "https://example.com"',
  meta: { maxLength: MANIFEST_LIMITS.urlChars },
});
const routePath = match(
  // Without empty and dot segments, with which a link would leave the plugin's address.
  /^(?!.*\/(?:\/|\.{1,2}(?:\/|$)))\/[A-Za-z0-9._~:/*@-]{0,199}$/,
  "must be a path below the plugin's own address",
  'Begin it with a slash, like "/report"',
);
const identifier = match(
  /^[A-Za-z][A-Za-z0-9_-]{0,63}$/,
  "must be a name of letters, digits, dash and underscore",
  "Begin it with a letter and keep it within 64 characters",
);
const hostName = match(
  /^(?=.{1,253}$)(?:\*\.(?=[^.]+\.))?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/,
  "must be a host name without scheme, port or path",
  'Write it like "api.example.com" or "*.example.com"',
);
const reason = shownText(MANIFEST_LIMITS.reasonChars).optional();

function isWebUrl(value: string): boolean {
  if (!/^https?:\/\/[^\s/]/.test(value) || !URL.canParse(value)) return false;
  // `https://your-bank.example@evil.example/` shows one host and opens another.
  const { username, password } = new URL(value);
  return username === "" && password === "";
}

/**
 * Text that people read. Direction marks can show it in another order than it was written, control
 * characters hide, and a blank name is none.
 */
function shownText(max: number) {
  return textSchema(max).refine((text) => languagesOf(text).every(isShown), {
    error: "must be visible text without control and direction characters",
    params: { rule: "manifest_invalid_value", fix: "Write plain text" },
  });
}

function languagesOf(text: Text): string[] {
  return typeof text === "string" ? [text] : [text.en, text.de];
}

function isShown(text: string): boolean {
  const hidden = /[^\P{Cc}\t\r\n]|\p{Cs}|[\u202a-\u202e\u2066-\u2069]/u;
  // An empty text is another finding's.
  const isBlank = text !== "" && !/[\p{L}\p{N}\p{P}\p{S}]/u.test(text);
  return !isBlank && !hidden.test(text);
}

const permissionCode = z
  .string()
  .superRefine((code, context) => {
    const host = networkHost(code);
    if (host !== null) {
      context.addIssue({
        code: "custom",
        message: "declares a network host, which belongs under `network` only",
        params: {
          rule: "manifest_duplicate_network",
          fix: `Remove it and add ${JSON.stringify(host)} to \`network\``,
        },
      });
    } else if (normalizePermission(code).length === 0) {
      const near = suggest(code, Object.keys(PERMISSIONS));
      context.addIssue({
        code: "custom",
        message: `is no permission that exists: ${JSON.stringify(code)}`,
        params: {
          rule: "manifest_unknown_permission",
          fix:
            near === null
              ? `Use one of ${Object.keys(PERMISSIONS).join(", ")}`
              : `Did you mean ${JSON.stringify(near)}?`,
        },
      });
    }
  })
  .meta({ examples: Object.keys(PERMISSIONS) });
const permissionObject = z.strictObject({
  code: permissionCode,
  reason,
  optional: z.boolean().default(false),
});

/** A permission the plugin asks for, in canonical spelling. */
export interface ManifestPermission {
  readonly code: string;
  readonly reason?: Text;
  readonly optional: boolean;
}

const permissions = z
  .array(
    z.union([permissionCode, permissionObject], {
      error: "must be a permission code or {code, reason, optional}",
    }),
  )
  .max(MANIFEST_LIMITS.permissions)
  .transform((asked) => canonicalPermissions(asked));

function canonicalPermissions(
  asked: readonly (string | z.output<typeof permissionObject>)[],
): ManifestPermission[] {
  const byCode = new Map<string, ManifestPermission>();
  for (const entry of asked) {
    const { code, ...rest } = typeof entry === "string" ? { code: entry, optional: false } : entry;
    for (const canonical of normalizePermission(code)) {
      const { reason = byCode.get(canonical)?.reason, optional } = rest;
      const required = !optional || byCode.get(canonical)?.optional === false;
      byCode.set(canonical, {
        code: canonical,
        optional: !required,
        ...(reason === undefined ? {} : { reason }),
      });
    }
  }
  return [...byCode.values()];
}

const author = z.strictObject({
  name: z.string().min(1).max(MANIFEST_LIMITS.displayNameChars),
  url: url.optional(),
  email: z.email().optional(),
});
const engines = z.strictObject({ "rising-bsm": range.optional(), runtime: range.optional() });
const secret = z.strictObject({ name: identifier, reason });
const route = z.strictObject({
  method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
  path: routePath,
  public: z.boolean().default(false),
});
const schedule = z.strictObject({
  name: identifier,
  cron: rule({
    test: isCron,
    message: "must be a cron expression of five fields",
    fix: 'Write it like "0 7 * * 1-5": minute, hour, day, month, weekday',
  }),
  catchUp: z.boolean().default(false),
});
const page = z.strictObject({
  path: routePath,
  title: shownText(MANIFEST_LIMITS.displayNameChars),
  nav: z.boolean().default(false),
});
const widget = z.strictObject({
  slot: match(/^[a-z][a-z0-9.-]{0,63}$/, "must be the name of a slot", 'Write it like "dashboard"'),
  path: routePath,
});
const ui = z.strictObject({ pages: list(page), widgets: list(widget) });
const limits = z.strictObject({
  cpuMs: z.int().min(1).max(REQUESTABLE_LIMITS.cpuMs).optional(),
  wallMs: z.int().min(1).max(REQUESTABLE_LIMITS.wallMs).optional(),
  memoryMb: z.int().min(1).max(REQUESTABLE_LIMITS.memoryMb).optional(),
  storageMb: z.int().min(1).max(REQUESTABLE_LIMITS.storageMb).optional(),
});
const price = z.strictObject({
  amount: z.number().min(0).max(1_000_000),
  currency: match(/^[A-Z]{3}$/, "must be a currency code", 'Write it like "EUR"'),
});
const entitlements = z
  .union([z.array(identifier), z.record(identifier, z.union([z.boolean(), z.number()]))], {
    error: "must be a list of names or an object of names with true, false or a number",
  })
  .transform((named): Record<string, boolean | number> =>
    Array.isArray(named) ? Object.fromEntries(named.map((name) => [name, true])) : named,
  )
  .refine((named) => Object.keys(named).length <= MANIFEST_LIMITS.entitlements, {
    error: `must be at most ${MANIFEST_LIMITS.entitlements} entitlements`,
    params: { rule: "manifest_invalid_value", fix: "Name groups of functions, not each one" },
  });
const plan = z.strictObject({
  id: identifier,
  kind: z.enum(["free", "perpetual", "subscription", "trial", "floating"]),
  price: price.optional(),
  period: z.enum(["month", "year"]).optional(),
  trialDays: z.int().min(1).max(365).optional(),
  /** Instances that may use it at a time; -1 is any number. */
  seats: z.union([z.literal(-1), z.int().min(1).max(1_000_000)]).optional(),
  /** Instances above the seats that may use it too, and are flagged. */
  overage: z.int().min(0).max(1_000_000).optional(),
  users: z.union([z.literal(-1), z.int().min(1).max(1_000_000)]).optional(),
  entitlements: entitlements.optional(),
});
const pricing = z.strictObject({ plans: z.array(plan).min(1).max(MANIFEST_LIMITS.plans) });

/**
 * Who finds a plugin: `unlisted` is shown to whoever knows its name, `private` to its owner alone. The
 * bytes of both are handed out against a license.
 */
export const visibilitySchema = z.enum(["public", "unlisted", "private"]);

/** Who finds a plugin. */
export type Visibility = z.output<typeof visibilitySchema>;

/** Schema of `manifest.json`: what parses is normalised, so a reader needs no defaults of its own. */
export const manifestSchema = z.strictObject({
  name: pluginName,
  version,
  main: filePath,
  permissions,
  dependencies: z
    .record(pluginName, range)
    .refine((needed) => Object.keys(needed).length <= MANIFEST_LIMITS.dependencies, {
      error: `must be at most ${MANIFEST_LIMITS.dependencies} plugins`,
      params: { rule: "manifest_invalid_value", fix: "Depend on fewer plugins" },
    }),
  displayName: shownText(MANIFEST_LIMITS.displayNameChars).optional(),
  description: shownText(MANIFEST_LIMITS.descriptionChars).optional(),
  author: z
    .union([author.shape.name, author], { error: "must be a name or {name, url, email}" })
    .transform((value) => (typeof value === "string" ? { name: value } : value))
    .optional(),
  homepage: url.optional(),
  repository: url.optional(),
  license: match(
    /^[A-Za-z0-9.+() -]{1,100}$/,
    "must be an SPDX expression",
    'Write it like "MIT"',
  ).optional(),
  icon: image.optional(),
  screenshots: list(image, MANIFEST_LIMITS.screenshots),
  readme: markdown.optional(),
  changelog: markdown.optional(),
  categories: list(z.enum(CATEGORIES), MANIFEST_LIMITS.categories),
  keywords: list(z.string().min(1).max(MANIFEST_LIMITS.keywordChars), MANIFEST_LIMITS.keywords),
  engines: engines.default({}),
  network: list(hostName, MANIFEST_LIMITS.networkHosts),
  secrets: list(secret),
  hooks: list(z.enum(HOOK_EVENTS)),
  routes: list(route),
  schedules: list(schedule),
  ui: ui.default({ pages: [], widgets: [] }),
  config: configSchema.optional(),
  limits: limits.default({}),
  idempotent: list(z.string().min(1).max(128)),
  pricing: pricing.optional(),
  visibility: visibilitySchema.default("public"),
  type: z.enum(["plugin", "system"]).default("plugin"),
});

/** A checked and normalised manifest. */
export type Manifest = z.output<typeof manifestSchema>;

const text = ["en", "de"];

/** Known keys by the name under which an object stands; the manifest's own are under "". */
export const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(manifestSchema.shape),
  permissions: Object.keys(permissionObject.shape),
  displayName: text,
  description: text,
  reason: text,
  title: text,
  author: Object.keys(author.shape),
  engines: Object.keys(engines.shape),
  secrets: Object.keys(secret.shape),
  routes: Object.keys(route.shape),
  schedules: Object.keys(schedule.shape),
  ui: Object.keys(ui.shape),
  pages: Object.keys(page.shape),
  widgets: Object.keys(widget.shape),
  limits: Object.keys(limits.shape),
  pricing: Object.keys(pricing.shape),
  plans: Object.keys(plan.shape),
  price: Object.keys(price.shape),
  config: Object.keys(configSchema.shape),
};
