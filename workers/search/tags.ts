import { networkPermission } from "@rising-bsm/protocol";
import { countHosts, hostChoices, hostSteps, hostTags } from "./host-grid.ts";
import type { Host } from "./host-grid.ts";

/**
 * Filter tokens. A plugin is indexed under one token for each fact that can be filtered; a filter is
 * the same token in the query. Every token begins with "_", which no word of a text does.
 */
export interface PluginFacts {
  readonly categories: readonly string[];
  readonly permissions: readonly string[];
  /** Hosts outside that it may talk to: found as `network:HOST`, and all of them as `network`. */
  readonly network: readonly string[];
  readonly price: "free" | "paid";
  readonly verified: boolean;
  /** SPDX expression. */
  readonly license: string | null;
  /** Range of Rising-BSM versions; null is any. */
  readonly hostRange: string | null;
}

export interface Filters {
  /** A plugin in any of these. */
  readonly categories: readonly string[];
  /** A plugin that asks for all of these; "customers" is any permission of that entity. */
  readonly permissions: readonly string[];
  /** A plugin that asks for none of these. */
  readonly withoutPermissions: readonly string[];
  readonly price: "free" | "paid" | null;
  readonly verified: boolean | null;
  /** A plugin under any of these SPDX ids. */
  readonly licenses: readonly string[];
  readonly host: Host | null;
}

/** The token that every plugin has, to browse all and to subtract from. */
export const ALL = "_all";

export function pluginTags(facts: PluginFacts): string[] {
  return [
    ALL,
    ...facts.categories.map(categoryTag),
    ...permissionCodes(facts).map(permissionTag),
    priceTag(facts.price),
    verifiedTag(facts.verified),
    ...licenseIds(facts.license).map(licenseTag),
    ...hostTags(facts.hostRange),
  ];
}

/** Every code that the plugin asks for, and each entity of which it asks for something. */
function permissionCodes({ permissions, network }: PluginFacts): string[] {
  const codes = [...permissions, ...network.map(networkPermission)];
  return [...new Set([...codes, ...codes.map(entityOf)])];
}

/** "customers.view" is of "customers", "network:api.example.com" of "network", "storage" of itself. */
function entityOf(code: string): string {
  return code.split(/[.:]/, 1)[0] ?? code;
}

/** Licenses that the catalogue counts; any other can be asked for. */
const COUNTED_LICENSES = new Set([
  "MIT",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MPL-2.0",
  "GPL-2.0-only",
  "GPL-3.0-only",
  "GPL-3.0-or-later",
  "LGPL-3.0-only",
  "AGPL-3.0-only",
  "AGPL-3.0-or-later",
  "EUPL-1.2",
  "Unlicense",
  "CC0-1.0",
]);
const MAX_LICENSES = 10;

/** The ids of an expression such as "(MIT OR Apache-2.0) AND CC-BY-4.0"; exceptions are none. */
function licenseIds(expression: string | null): string[] {
  const words =
    (expression ?? "").replaceAll(/\bWITH\s+\S+/gi, " ").match(/[A-Za-z0-9.+-]+/g) ?? [];
  const ids = words.filter((word) => !["AND", "OR"].includes(word.toUpperCase()));
  return [...new Set(ids)].slice(0, MAX_LICENSES);
}

/** Kinds of facts that the catalogue counts. */
export const FACET_KINDS = [
  "category",
  "permission",
  "price",
  "license",
  "host",
  "verified",
] as const;

/** What is counted of a plugin, as "kind:value"; of hosts their steps (host-grid.ts). */
export function pluginFacets(facts: PluginFacts): string[] {
  return [
    ...facts.categories.map((category) => `category:${category}`),
    ...facts.permissions.map((permission) => `permission:${permission}`),
    ...(facts.network.length === 0 ? [] : ["permission:network"]),
    `price:${facts.price}`,
    ...(facts.verified ? ["verified:true"] : []),
    ...licenseIds(facts.license)
      .filter((id) => COUNTED_LICENSES.has(id))
      .map((id) => `license:${id}`),
    ...hostSteps(facts.hostRange).map((step) => `host:${step}`),
  ];
}

/** How many plugins the filter "kind=value" finds, by "kind:value"; "host:2" is any version 2. */
export function facetCounts(counted: Readonly<Record<string, number>>): Record<string, number> {
  const hosts = countHosts((step) => counted[`host:${step}`] ?? 0);
  return Object.fromEntries([
    ...Object.entries(counted).filter(([facet]) => !facet.startsWith("host:")),
    ...hosts.flatMap((count, major) => (count > 0 ? [[`host:${major}`, count] as const] : [])),
  ]);
}

/** Groups of tokens: a plugin needs one of each group of `oneOf` and nothing of `none`. */
export interface TagFilter {
  readonly oneOf: readonly (readonly string[])[];
  readonly none: readonly string[];
}

export function filterTags(filters: Filters): TagFilter {
  return {
    oneOf: [
      filters.categories.map(categoryTag),
      ...filters.permissions.map((permission) => [permissionTag(permission)]),
      filters.price === null ? [] : [priceTag(filters.price)],
      filters.verified === null ? [] : [verifiedTag(filters.verified)],
      filters.licenses.map(licenseTag),
      filters.host === null ? [] : hostChoices(filters.host),
    ].filter((group) => group.length > 0),
    none: filters.withoutPermissions.map(permissionTag),
  };
}

/** Whether the filter leaves a plugin with these tokens, as `docs.tags` holds them. */
export function isLeft(tags: string, { oneOf, none }: TagFilter): boolean {
  const has = new Set(tags.split(" "));
  return (
    oneOf.every((group) => group.some((tag) => has.has(tag))) && !none.some((tag) => has.has(tag))
  );
}

function categoryTag(category: string): string {
  return `_cat_${asToken(category)}`;
}

function permissionTag(permission: string): string {
  return `_perm_${asToken(permission)}`;
}

function licenseTag(id: string): string {
  return `_lic_${asToken(id)}`;
}

function priceTag(price: "free" | "paid"): string {
  return `_price_${price}`;
}

export function verifiedTag(verified: boolean): string {
  return verified ? "_ver_1" : "_ver_0";
}

/** Keeps `a.b` and `a-b` apart. A token may hold letters, digits and "_" only. */
const SIGNS: Readonly<Record<string, string>> = { "-": "__", _: "_u_", ":": "_c_", "*": "_s_" };

function asToken(code: string): string {
  return code.toLowerCase().replaceAll(/[^a-z0-9]/g, (sign) => SIGNS[sign] ?? "_");
}
