/** Of a token: what is missing by rounding is there. */
const ROUNDING = 1e-6;

/**
 * Lets `burst` pass at once and `perSecond` after that; `now` is in ms. The function takes a token
 * and answers 0, or how many ms there are until one is there. A clock that is set back costs what
 * would have come in between, and no more.
 */
export function createTokenBucket({ burst, perSecond }: { burst: number; perSecond: number }) {
  let tokens = burst;
  let countedAt = 0;
  return function takeToken(now: number): number {
    if (now > countedAt) tokens = Math.min(burst, tokens + ((now - countedAt) / 1_000) * perSecond);
    countedAt = now;
    const missing = 1 - tokens;
    if (missing > ROUNDING) return Math.ceil(((missing - ROUNDING) / perSecond) * 1_000);
    tokens -= 1;
    return 0;
  };
}
