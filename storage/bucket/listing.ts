/** Listings, which object stores give in pages. */

import type { ListOptions, StoredObject } from "../../lib/migrate/ports/target.ts";

export interface ListPage {
  readonly objects: readonly StoredObject[];
  /** Undefined of the last. */
  readonly nextToken: string | undefined;
}

/**
 * A part of a listing: names that follow `after` and do not follow `upTo`, in the order of their bytes; undefined for no
 * bound. Whether the bounds themselves belong to it differs between stores: each is in one of the two ranges that it
 * divides.
 */
export interface NameRange {
  readonly after: string | undefined;
  readonly upTo: string | undefined;
}

/**
 * Asks for the page of a range behind a token, the first where there is none. It may ask again where `isKnown` says that
 * a page leads back to one that was there before: such a listing would never end.
 */
export type AskForPage = (
  range: NameRange,
  token: string | undefined,
  isKnown: (next: string) => boolean,
) => Promise<ListPage>;

/** A page takes as long as the way to the store and back, and its store a tenth of a second or more. */
const RANGES_AT_ONCE = 8;

/** The objects of all pages, those of several ranges as they come: what is between two cuts can be asked for on its own. */
export async function* pagedObjects(
  { cuts = [], isLowPriority = () => false }: ListOptions = {},
  ask: AskForPage,
): AsyncGenerator<StoredObject> {
  const ranges = [undefined, ...cuts].map((after, index) => ({ after, upTo: cuts[index] }));
  const waiting = ranges.values();
  const idle = ranges.slice(0, RANGES_AT_ONCE).map(() => pagesOf(waiting, ask));
  type Lane = (typeof idle)[number];
  const nextOf = async (lane: Lane) => ({ lane, page: await lane.next() });
  const asked = new Map<Lane, ReturnType<typeof nextOf>>();
  const askMore = (): void => {
    while (asked.size < (isLowPriority() ? 1 : RANGES_AT_ONCE)) {
      // The last one used: at low priority a range is finished before the next one begins.
      const lane = idle.pop();
      if (lane === undefined) return;
      asked.set(lane, nextOf(lane));
    }
  };
  try {
    for (askMore(); asked.size > 0; askMore()) {
      const { lane, page } = await Promise.race(asked.values());
      asked.delete(lane);
      if (page.done) continue;
      yield* page.value;
      idle.push(lane);
    }
  } finally {
    // Where one has failed, or nobody wants more, what becomes of the others is nobody's concern.
    for (const page of asked.values()) page.catch(() => {});
  }
}

async function* pagesOf(
  ranges: Iterable<NameRange>,
  ask: AskForPage,
): AsyncGenerator<readonly StoredObject[], void, void> {
  for (const range of ranges) {
    const seen = new Set<string>();
    let token: string | undefined;
    do {
      const { objects, nextToken } = await ask(range, token, (next) => seen.has(next));
      yield objects;
      token = nextToken;
      if (token !== undefined) seen.add(token);
    } while (token !== undefined);
  }
}
