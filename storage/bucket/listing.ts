/** Listings, which object stores give in pages. */

import type { StoredObject } from "../../lib/migrate/ports/target.ts";

export interface ListPage {
  readonly objects: readonly StoredObject[];
  /** Undefined of the last. */
  readonly nextToken: string | undefined;
}

/**
 * The objects of all pages.
 * @param ask for the page behind a token, the first where there is none. It may ask again where `isKnown` says that a
 * page leads back to one that was there before: such a listing would never end.
 */
export async function* pagedObjects(
  ask: (token: string | undefined, isKnown: (next: string) => boolean) => Promise<ListPage>,
): AsyncGenerator<StoredObject> {
  const seen = new Set<string>();
  let token: string | undefined;
  do {
    const { objects, nextToken } = await ask(token, (next) => seen.has(next));
    yield* objects;
    token = nextToken;
    if (token !== undefined) seen.add(token);
  } while (token !== undefined);
}
