/** Lets `burst` pass at once and `perSecond` after that; `now` is in ms. */
export function createTokenBucket({ burst, perSecond }: { burst: number; perSecond: number }) {
  let tokens = burst;
  let countedAt = -Infinity;
  return function takeToken(now: number): boolean {
    if (now > countedAt) tokens = Math.min(burst, tokens + ((now - countedAt) / 1_000) * perSecond);
    countedAt = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}
