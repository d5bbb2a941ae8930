/** How often a host looks for updates and revocations, in ms. */
const EVERY_MS = 6 * 3_600_000;

/** By when a host that was just started has looked once, in ms. */
const FIRST_MS = 600_000;

/**
 * Runs `check` soon and then about every `everyMs` (0: never), at a moment that chance picks: hosts
 * that were started together do not ask together. The result stops it.
 */
export function checkRegularly(check: () => Promise<unknown>, everyMs = EVERY_MS): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = everyMs === 0;
  const after = (ms: number) => {
    if (stopped) return;
    timer = setTimeout(() => void check().finally(() => after(everyMs * aboutOne())), ms);
    timer.unref();
  };
  after(Math.random() * Math.min(everyMs, FIRST_MS));
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

function aboutOne(): number {
  return 0.8 + 0.4 * Math.random();
}
