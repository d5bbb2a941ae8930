import type { VersionComparison } from "@rising-bsm/protocol";
import { z } from "zod";
import type { Version } from "../schema.ts";

const text = z.union([z.string(), z.object({ en: z.string(), de: z.string() })]);

/**
 * What is compared of a stored manifest. As in `storedManifest()` only shapes are asked for, and what a
 * manifest of an earlier time has not is empty.
 */
const comparedManifestSchema = z.object({
  permissions: z.array(
    z.object({ code: z.string(), reason: text.optional(), optional: z.boolean().default(false) }),
  ),
  dependencies: z.record(z.string(), z.string()),
  engines: z.object({ "rising-bsm": z.string().optional(), runtime: z.string().optional() }),
  network: z.array(z.string()),
  secrets: z.array(z.object({ name: z.string() })).default([]),
  hooks: z.array(z.string()).default([]),
  routes: z
    .array(z.object({ method: z.string(), path: z.string(), public: z.boolean().default(false) }))
    .default([]),
  schedules: z.array(z.object({ name: z.string(), cron: z.string() })).default([]),
  limits: z.record(z.string(), z.coerce.string()).default({}),
});

type ComparedManifest = z.output<typeof comparedManifestSchema>;

type ComparedRow = Pick<
  Version,
  "version" | "manifest" | "sha256" | "size" | "publisherKeyId" | "publishedAt" | "createdAt"
> & {
  /** Whose key signed it. */
  readonly publisher: string;
};

/** What changes from one version to another, whichever is the higher one. */
export function compareVersionRows(
  from: ComparedRow,
  to: ComparedRow,
): Omit<VersionComparison, "plugin" | "changelog"> {
  const before = comparedManifestSchema.parse(JSON.parse(from.manifest));
  const after = comparedManifestSchema.parse(JSON.parse(to.manifest));
  return {
    from: describeRow(from),
    to: describeRow(to),
    permissions: comparePermissions(before.permissions, after.permissions),
    network: compareLists(before.network, after.network),
    publicRoutes: compareLists(publicRoutes(before), publicRoutes(after)),
    hooks: compareLists(before.hooks, after.hooks),
    secrets: compareLists(names(before.secrets), names(after.secrets)),
    schedules: compareRecords(crons(before), crons(after)),
    dependencies: compareRecords(before.dependencies, after.dependencies),
    engines: compareRecords(before.engines, after.engines),
    limits: compareRecords(before.limits, after.limits),
    sizeChange: to.size - from.size,
    publisherKeyChanged: from.publisherKeyId !== to.publisherKeyId,
  };
}

function describeRow(row: ComparedRow): VersionComparison["from"] {
  const { version, sha256, size, publisherKeyId, publisher, publishedAt, createdAt } = row;
  const at = new Date(publishedAt ?? createdAt).toISOString();
  return { version, publishedAt: at, sha256, size, publisherKeyId, publisher };
}

type Permissions = ComparedManifest["permissions"];

function comparePermissions(
  before: Permissions,
  after: Permissions,
): VersionComparison["permissions"] {
  const asked = new Map(before.map((permission) => [permission.code, permission]));
  const kept = after.filter(({ code }) => asked.has(code));
  const wasOptional = (code: string) => asked.get(code)?.optional === true;
  return {
    added: after
      .filter(({ code }) => !asked.has(code))
      .map(({ code, optional, reason }) => ({ code, optional, reason: reason ?? null })),
    removed: compareLists(codes(before), codes(after)).removed,
    madeOptional: codes(kept.filter(({ code, optional }) => optional && !wasOptional(code))),
    madeRequired: codes(kept.filter(({ code, optional }) => !optional && wasOptional(code))),
  };
}

function codes(permissions: Permissions): string[] {
  return permissions.map(({ code }) => code);
}

function names(secrets: ComparedManifest["secrets"]): string[] {
  return secrets.map(({ name }) => name);
}

function publicRoutes({ routes }: ComparedManifest): string[] {
  return routes.filter((route) => route.public).map(({ method, path }) => `${method} ${path}`);
}

function crons({ schedules }: ComparedManifest): Record<string, string> {
  return Object.fromEntries(schedules.map(({ name, cron }) => [name, cron]));
}

/** Each once, in the order of its list. */
function compareLists(before: readonly string[], after: readonly string[]) {
  const [old, fresh] = [new Set(before), new Set(after)];
  return {
    added: [...fresh].filter((value) => !old.has(value)),
    removed: [...old].filter((value) => !fresh.has(value)),
  };
}

type Values = Readonly<Record<string, string | undefined>>;

function compareRecords(before: Values, after: Values): VersionComparison["schedules"] {
  const [old, fresh] = [present(before), present(after)];
  const changed = [...fresh].flatMap(([name, to]) => {
    const from = old.get(name);
    return from === undefined || from === to ? [] : [[name, { from, to }] as const];
  });
  return {
    added: Object.fromEntries([...fresh].filter(([name]) => !old.has(name))),
    removed: Object.fromEntries([...old].filter(([name]) => !fresh.has(name))),
    changed: Object.fromEntries(changed),
  };
}

function present(values: Values): Map<string, string> {
  const pairs = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return new Map(pairs);
}
