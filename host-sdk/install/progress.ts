/**
 * Steps of an installation in their order. `resolve` and `check` read what is public; from `license`
 * on every step can be undone until `record` has committed.
 */
export const INSTALL_STEPS = [
  "resolve",
  "check",
  "license",
  "download",
  "verify",
  "install",
  "activate",
  "record",
] as const;

/** One of `INSTALL_STEPS`. */
export type InstallStep = (typeof INSTALL_STEPS)[number];

/** A step that begins, or gets on, for one plugin of the set. */
export interface Progress {
  readonly step: InstallStep;
  readonly plugin: string;
  /** Empty while the version is not decided yet. */
  readonly version: string;
  readonly detail?: string;
  /** Bytes of a download. */
  readonly done?: number;
  readonly total?: number;
}

/** Hears about each step. What it throws ends the installation. */
export type OnProgress = (progress: Progress) => void;
