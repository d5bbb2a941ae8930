import { networkPermission } from "@rising-bsm/protocol";
import { hostChoices, hostTags } from "./host-grid.ts";

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
  /** Range of Rising-BSM versions; null is any. */
  readonly hostRange: string | null;
}

export interface Filters {
  /** A plugin in any of these. */
  readonly categories: readonly string[];
  /** A plugin that asks for all of these. */
  readonly permissions: readonly string[];
  /** A plugin that asks for none of these. */
  readonly withoutPermissions: readonly string[];
  readonly price: "free" | "paid" | null;
  readonly verified: boolean | null;
  readonly host: { readonly major: number; readonly minor: number } | null;
}

/** The token that every plugin has, to browse all and to subtract from. */
export const ALL = "_all";

export function pluginTags(facts: PluginFacts): string[] {
  return [
    ALL,
    ...facts.categories.map(categoryTag),
    ...facts.permissions.map(permissionTag),
    ...facts.network.map((host) => permissionTag(networkPermission(host))),
    ...(facts.network.length === 0 ? [] : [permissionTag("network")]),
    priceTag(facts.price),
    verifiedTag(facts.verified),
    ...hostTags(facts.hostRange),
  ];
}

/** What the catalogue counts: the facts that the site offers as filters. */
export function pluginFacets(facts: PluginFacts): string[] {
  return [
    ...facts.categories.map((category) => `category:${category}`),
    ...facts.permissions.map((permission) => `permission:${permission}`),
    ...(facts.network.length === 0 ? [] : ["permission:network"]),
    `price:${facts.price}`,
    ...(facts.verified ? ["verified:true"] : []),
  ];
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
      filters.host === null ? [] : hostChoices(filters.host),
    ].filter((group) => group.length > 0),
    none: filters.withoutPermissions.map(permissionTag),
  };
}

function categoryTag(category: string): string {
  return `_cat_${asToken(category)}`;
}

function permissionTag(permission: string): string {
  return `_perm_${asToken(permission)}`;
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
