/** The candidate that the word is most likely a slip of, or null when none is near. */
export function suggest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance, one row of the table at a time. Both words are short. */
function editDistance(a: string, b: string): number {
  let row = Array.from(b, (_, i) => i + 1);
  let left = b.length;
  for (const [i, letter] of Array.from(a).entries()) {
    let diagonal = i;
    left = i + 1;
    row = row.map((above, j) => {
      left = Math.min(diagonal + (b[j] === letter ? 0 : 1), above + 1, left + 1);
      diagonal = above;
      return left;
    });
  }
  return left;
}
