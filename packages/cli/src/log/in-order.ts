/** Does `work` for 0, 1, 2 … below `count`, `ahead` of them at a time, and answers in that order. */
export async function* inOrder<T>(
  count: number,
  ahead: number,
  work: (at: number) => Promise<T>,
): AsyncGenerator<T> {
  const running: Promise<T>[] = [];
  for (let next = 0; next < count || running.length > 0;) {
    while (next < count && running.length < ahead) {
      const started = work(next++);
      // Whoever stops at an earlier failure never asks for this one.
      started.catch(() => undefined);
      running.push(started);
    }
    const first = running.shift();
    if (first !== undefined) yield await first;
  }
}
