/** What is made when it is first asked for: libraries that take long to load, and few commands need. */

/**
 * Gives what `make` makes, the same each time. A failure is not kept: who asks again has it tried again.
 */
export function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
