import type { Catalogue, MarketplaceReader, PlannedPlugin } from "@rising-bsm/host-sdk";
import { RbsmError } from "@rising-bsm/protocol";
import type { ReleaseName } from "../marketplace/release.ts";

/** A plugin to mirror: one version or range of it, or the one that would be installed. */
export interface MirrorRequest {
  readonly name: string;
  readonly version?: string;
}

/** A release to copy. */
export interface ChosenRelease extends PlannedPlugin {
  /** Asked for, or needed by what was: without it the mirror is not what was asked for. */
  readonly isNeeded: boolean;
}

/** A release that the mirror has not, and why. */
export interface LeftOut extends ReleaseName {
  readonly code: string;
  readonly message: string;
}

/** What to choose. */
export interface Choice {
  readonly requests: readonly MirrorRequest[];
  readonly allVersions: boolean;
  /** Releases that the mirror has already and keeps. */
  readonly kept: readonly ReleaseName[];
}

interface Offer {
  readonly reader: Pick<MarketplaceReader, "plan">;
  readonly catalogue: Catalogue;
}

/** Reads `@scope/name` or `@scope/name@version`. */
export function parseRequest(text: string): MirrorRequest {
  const at = text.indexOf("@", 1);
  return at === -1 ? { name: text } : { name: text.slice(0, at), version: text.slice(at + 1) };
}

/** Every release to copy with its dependencies, each once, and what is not offered any more. */
export async function chooseReleases(
  { reader, catalogue }: Offer,
  { requests, allVersions, kept }: Choice,
): Promise<{ readonly chosen: ChosenRelease[]; readonly leftOut: LeftOut[] }> {
  const chosen = new Map<string, ChosenRelease>();
  const leftOut: LeftOut[] = [];
  const add = (planned: PlannedPlugin, isNeeded: boolean) => {
    const id = `${planned.name}@${planned.version}`;
    if (isNeeded || !chosen.has(id)) chosen.set(id, { ...planned, isNeeded });
  };
  for (const request of requests)
    for (const planned of await reader.plan(catalogue, request)) add(planned, true);
  const further = allVersions ? await versionsOf([...chosen.values()]) : [];
  for (const { plugin, version } of [...further, ...kept]) {
    try {
      const plan = await reader.plan(catalogue, { name: plugin, version });
      for (const planned of plan) add(planned, false);
    } catch (error) {
      leftOut.push({ plugin, version, ...refusalOf(error) });
    }
  }
  return { chosen: [...chosen.values()], leftOut };
}

async function versionsOf(chosen: readonly ChosenRelease[]): Promise<ReleaseName[]> {
  const documents = new Set(chosen.map(({ document }) => document));
  return [...documents].flatMap(({ name, versions }) =>
    versions.map(({ version }) => ({ plugin: name, version })),
  );
}

/** What the marketplace withdrew is left out; any other failure is one of the mirror. */
export function refusalOf(error: unknown): { readonly code: string; readonly message: string } {
  const isRefusal =
    error instanceof RbsmError &&
    /^(?:plugin_not_found|dependency_|trust_revoked|trust_key_revoked)/.test(error.code);
  if (isRefusal) return { code: error.code, message: error.message };
  throw error;
}
