import type { PreludeLimits } from "./prelude/port.ts";

/** What the supervisor tells a child on its command line. */
export interface RunnerSettings {
  readonly addon: string;
  readonly rssCapMb: number;
  readonly limits: PreludeLimits;
  /** Plugin isolates of this size are kept ready. */
  readonly spareMemoryMb: number;
}
