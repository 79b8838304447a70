/** What was found out a moment ago, for those who ask again and again. */

/**
 * Does `find` at most once in `forMs` milliseconds, and gives all who ask within that time what it found. A failure is
 * not kept. By the clock of the day, which goes on while a machine sleeps.
 */
export function recently<T>(forMs: number, find: () => Promise<T>): () => Promise<T> {
  let found: { readonly what: Promise<T>; readonly since: number } | undefined;
  return () => {
    const now = Date.now();
    if (found !== undefined && now >= found.since && now - found.since < forMs) return found.what;
    const mine = { what: find(), since: now };
    found = mine;
    mine.what.catch(() => {
      if (found === mine) found = undefined;
    });
    return mine.what;
  };
}
