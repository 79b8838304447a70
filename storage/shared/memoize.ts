/** What is made or found out once, for callers that ask again and again. A failure is not kept: the next one tries. */

/** Returns what `make` makes, the same each time. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

/** Calls `find` at most once in `forMs` milliseconds. By the wall clock, which goes on while a machine sleeps. */
export function onceEvery<T>(forMs: number, find: () => Promise<T>): () => Promise<T> {
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
