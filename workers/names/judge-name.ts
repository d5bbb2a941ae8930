import { foldName, isNearName, isReservedName, splitPluginName } from "@rising-bsm/protocol";
import type { Finding } from "@rising-bsm/protocol";

/** The names of others that a new one is held against. */
export interface NamesOfOthers {
  /** One that looks the same and is spelled otherwise. */
  readonly lookAlike: string | null;
  /** Plugins of verified publishers, and popular ones. */
  readonly prominent: readonly string[];
}

/**
 * Why a person decides on a plugin's name; null when nobody needs to. That a plain word is the name of
 * several plugins is no reason: their scopes tell them apart, unless one of them is well known.
 */
export function judgePluginName(plugin: string, others: NamesOfOthers): Finding | null {
  const { name } = splitPluginName(plugin);
  const other =
    others.lookAlike ?? nearest(name, others.prominent, (one) => splitPluginName(one).name);
  return other === null ? null : similar("name", plugin, other);
}

/** The same for a scope, which nobody but the marketplace may call by a word that stands for itself. */
export function judgeScope(scope: string, others: NamesOfOthers): Finding | null {
  const name = scope.slice(1);
  if (isReservedName(name)) {
    const message = `${scope} would pass for the marketplace itself`;
    return { rule: "name_reserved", path: "scope", message, fix: "Choose another name" };
  }
  const scopes = others.prominent.map((plugin) => splitPluginName(plugin).scope);
  const other = others.lookAlike ?? nearest(name, scopes, (one) => one.slice(1));
  return other === null ? null : similar("scope", scope, other);
}

function nearest(
  name: string,
  candidates: readonly string[],
  part: (one: string) => string,
): string | null {
  const fold = foldName(name);
  return candidates.find((one) => isNearName(fold, foldName(part(one)))) ?? null;
}

function similar(path: string, name: string, other: string): Finding {
  const message = `${name} looks like ${other}`;
  return {
    rule: "name_similar",
    path,
    message,
    fix: "Choose another name, or wait for a person's decision",
  };
}
