/** Listings in pages, several parts of which are asked for at once. */

import { describe, expect, it } from "vitest";
import type { StoredObject } from "../../../../lib/migrate/ports/target.ts";
import { type AskForPage, type ListPage, pagedObjects } from "../../../../storage/bucket/listing.ts";

const page = (nextToken: string | undefined, ...paths: readonly string[]): ListPage => ({
  objects: paths.map((path) => ({ path, bytes: 1 })),
  nextToken,
});

async function pathsOf(listing: AsyncIterable<StoredObject>): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of listing) paths.push(path);
  return paths;
}

const CUTS = Array.from({ length: 20 }, (_, index) => `${index}`.padStart(2, "0"));

describe("a listing in parts", () => {
  it("asks for eight at once, and has the pages of all", async () => {
    let [waiting, most] = [0, 0];
    const ask: AskForPage = async ({ after = "", upTo = "" }, token) => {
      most = Math.max(most, ++waiting);
      for (let turn = 0; turn < 20; turn++) await undefined;
      waiting--;
      return token === undefined
        ? page("second", `${after}-${upTo} 1`)
        : page(undefined, `${after}-${upTo} 2`);
    };
    const bounds = ["", ...CUTS, ""];
    const ranges = bounds.slice(1).map((upTo, index) => `${bounds[index]}-${upTo}`);
    const expected = ranges.flatMap((range) => [`${range} 1`, `${range} 2`]);
    expect((await pathsOf(pagedObjects({ cuts: CUTS }, ask))).toSorted()).toEqual(expected.toSorted());
    expect(most).toBe(8);
  });

  it("asks for one at a time while it is patient, and for eight once it is not", async () => {
    let [waiting, isLowPriority] = [0, true];
    const [most, order] = [{ patient: 0, hurried: 0 }, [] as string[]];
    const ask: AskForPage = async ({ after = "" }, token) => {
      const kind = isLowPriority ? "patient" : "hurried";
      most[kind] = Math.max(most[kind], ++waiting);
      if (isLowPriority) order.push(`${after} ${token ?? ""}`);
      for (let turn = 0; turn < 20; turn++) await undefined;
      waiting--;
      return token === undefined ? page("second", `${after} 1`) : page(undefined, `${after} 2`);
    };
    const found: string[] = [];
    for await (const { path } of pagedObjects({ cuts: CUTS, isLowPriority: () => isLowPriority }, ask)) {
      found.push(path);
      isLowPriority = found.length < 10;
    }
    expect(most).toEqual({ patient: 1, hurried: 8 });
    // Range after range, so that few are begun.
    expect(order.slice(0, 4)).toEqual([" ", " second", "00 ", "00 second"]);
    expect(found.toSorted()).toEqual(
      ["", ...CUTS].flatMap((after) => [`${after} 1`, `${after} 2`]).toSorted(),
    );
  });

  it("asks for no page before the one before is taken, where nothing divides it", async () => {
    const asked: unknown[] = [];
    const ask: AskForPage = async (_range, token) => {
      asked.push(token);
      return page("next", "a", "b");
    };
    for await (const { path } of pagedObjects({}, ask)) if (path === "b") break;
    expect(asked).toEqual([undefined]);
  });

  it("fails where one of them does, whatever becomes of the others", async () => {
    const ask: AskForPage = async ({ after = "" }) => {
      if (after < "03") return page(undefined, after);
      throw new Error(after);
    };
    await expect(pathsOf(pagedObjects({ cuts: CUTS }, ask))).rejects.toThrow(/^0\d$/);
  });
});
