import type { Catalogue, MarketplaceReader, PlannedPlugin } from "@rising-bsm/host-sdk";
import { RbsmError } from "@rising-bsm/protocol";
import type { ReleaseName } from "../marketplace/release.ts";

/** A plugin to mirror. */
export interface MirrorRequest {
  readonly name: string;
  /** A version or range; null is the one that would be installed. */
  readonly version: string | null;
  /** Named now, so that the mirror is nothing without it; otherwise by an earlier run. */
  readonly isNeeded: boolean;
}

/** A release to copy. */
export interface ChosenRelease extends PlannedPlugin {
  readonly isNeeded: boolean;
}

/** A release that the mirror has not, and why. */
export interface LeftOut extends ReleaseName {
  readonly code: string;
  readonly message: string;
}

interface Offer {
  readonly reader: Pick<MarketplaceReader, "plan">;
  readonly catalogue: Catalogue;
}

/** Reads `@scope/name` or `@scope/name@version`. */
export function parseRequest(text: string): MirrorRequest {
  const at = text.indexOf("@", 1);
  const [name, version] = at === -1 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
  return { name, version, isNeeded: true };
}

/** Every release to copy with its dependencies, each once, and what is not offered any more. */
export async function chooseReleases(
  { reader, catalogue }: Offer,
  requests: readonly MirrorRequest[],
  allVersions: boolean,
): Promise<{ readonly chosen: ChosenRelease[]; readonly leftOut: LeftOut[] }> {
  const chosen = new Map<string, ChosenRelease>();
  const leftOut: LeftOut[] = [];
  async function add({ name, version, isNeeded }: MirrorRequest): Promise<void> {
    try {
      const request = version === null ? { name } : { name, version };
      for (const planned of await reader.plan(catalogue, request)) {
        const id = `${planned.name}@${planned.version}`;
        const before = chosen.get(id)?.isNeeded ?? false;
        chosen.set(id, { ...planned, isNeeded: isNeeded || before });
      }
    } catch (error) {
      if (isNeeded) throw error;
      leftOut.push({ plugin: name, version: version ?? "", ...refusalOf(error) });
    }
  }
  for (const request of requests) await add(request);
  const further = allVersions ? otherVersions([...chosen.values()]) : [];
  for (const request of further) await add(request);
  return { chosen: [...chosen.values()], leftOut };
}

function otherVersions(chosen: readonly ChosenRelease[]): MirrorRequest[] {
  const documents = new Set(chosen.map(({ document }) => document));
  return [...documents].flatMap(({ name, versions }) =>
    versions.map(({ version }) => ({ name, version, isNeeded: false })),
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
