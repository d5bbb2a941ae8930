/**
 * Does the work for all of them at once and gives those for which it succeeded. What went wrong is kept
 * under the plugin's name, so that one that cannot be finished does not hold up the others.
 */
export async function forEachOf<T extends { readonly plugin: string }>(
  all: readonly T[],
  failures: Map<string, unknown>,
  work: (one: T) => Promise<void>,
): Promise<T[]> {
  const results = await Promise.allSettled(all.map(work));
  return all.filter(({ plugin }, at) => {
    const result = results[at];
    if (result?.status !== "rejected") return true;
    failures.set(plugin, result.reason);
    return false;
  });
}
