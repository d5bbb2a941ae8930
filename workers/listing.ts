import type { StoredManifest } from "./stored-manifest.ts";

/** What the catalogue shows of one plugin: its newest version on `latest`, or the newest there is. */
export interface Listing {
  readonly name: string;
  readonly publisher: {
    readonly name: string;
    readonly displayName: string;
    readonly verified: boolean;
  };
  readonly version: string;
  readonly manifest: StoredManifest;
  /** URL path of its icon. */
  readonly icon: string | null;
  /** Some plan costs money. */
  readonly paid: boolean;
  /** Reasons; null is neither. A plugin is yanked here when every version is. */
  readonly yanked: string | null;
  readonly deprecated: string | null;
  /** Milliseconds since 1970: first version, and the newest change. */
  readonly createdAt: number;
  readonly updatedAt: number;
}
