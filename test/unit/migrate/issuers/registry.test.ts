/** What the results of all units say of the issuers of a log, in whatever order they come. */

import { describe, expect, it } from "vitest";
import { VerificationError } from "../../../../lib/errors.ts";
import { IssuerLists } from "../../../../lib/migrate/issuers/lists.ts";
import { IssuerRegistry } from "../../../../lib/migrate/issuers/registry.ts";
import type { MigrationTarget, StoredObject } from "../../../../lib/migrate/ports/target.ts";
import { MemoryWriter, memoryContext } from "../../../support/logs/in-memory-log.ts";

const [A, B, C] = ["aa", "bb", "cc"].map((byte) => byte.repeat(32)) as [string, string, string];
const LIST = ".state/tlog-migrate-issuers.json";
const gone = (fingerprint: string, entry: number) => ({ fingerprint, entry, problem: "is missing" });
const there = (fingerprint: string, entry: number, bytes = 1000) => ({ fingerprint, entry, bytes });

function newRegistry(writer = new MemoryWriter()): IssuerRegistry {
  const context = memoryContext(new Map(), "static-ct");
  return new IssuerRegistry({ context, writer: () => writer, deep: false, lists: listsOf(writer) });
}

/** Of a target that has no lists of parts. */
function listsOf(writer: MemoryWriter): IssuerLists {
  const target = { async *list() {}, async remove() {} };
  return new IssuerLists(target, () => writer);
}

const RESULTS = [
  [there(A, 300), gone(B, 290), gone(C, 290)],
  [gone(B, 512), gone(A, 515)],
  [there(A, 0), gone(B, 17), gone(A, 3)],
];

describe("the issuers of all units", () => {
  it.each([
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ])("are the same in the order %i, %i, %i: each with the first entry of all", async (...order) => {
    const writer = new MemoryWriter();
    const registry = newRegistry(writer);
    for (const position of order) registry.add(RESULTS[position] ?? []);
    expect(registry.count).toBe(3);
    // What one worker found is there, whether or not another had found it too.
    expect(registry.missing()).toEqual([gone(B, 17), gone(C, 290)]);
    await registry.store();
    const list = JSON.parse(Buffer.from(writer.objects.get(LIST) ?? "").toString());
    expect(list).toEqual({ "tlog-migrate-issuers": 1, issuers: { [A]: 0, [B]: 17, [C]: 290 } });
  });

  it("are listed in the target before a seal, each time that something about them is new", async () => {
    const writer = new MemoryWriter();
    const registry = newRegistry(writer);
    const isStored = async (): Promise<boolean> => {
      writer.objects.delete(LIST);
      await registry.store();
      return writer.objects.has(LIST);
    };
    // A list of none: what a resume must find in place is known.
    expect(await isStored()).toBe(true);
    for (const [issuer, isNews] of [
      [there(A, 300), true],
      [there(A, 301), false],
      [there(A, 299), true],
      [gone(B, 1), true],
    ] as const) {
      registry.add([issuer]);
      expect(await isStored()).toBe(isNews);
    }
  });

  it("bring no seal once their list could not be made durable", async () => {
    const writer = new MemoryWriter();
    const registry = newRegistry(writer);
    writer.failure = new Error("no space");
    await expect(registry.store()).rejects.toThrow("no space");
    writer.failure = undefined;
    await expect(registry.store()).rejects.toThrow("no space");
  });

  it("are in place before the handover only where the target lists each of them, and not as an empty file", async () => {
    const registry = newRegistry();
    registry.add([there(A, 1), there(B, 2), gone(C, 3)]);
    const targetWith = (...objects: StoredObject[]): MigrationTarget => {
      async function* list() {
        yield* objects;
      }
      return { list, locate: (path: string) => path } as Partial<MigrationTarget> as MigrationTarget;
    };
    const a = { path: `issuer/${A}`, bytes: 1000 };
    await registry.requireInPlace(targetWith(a, { path: `issuer/${B}`, bytes: 1 }));
    for (const target of [targetWith(a), targetWith(a, { path: `issuer/${B}`, bytes: 0 })]) {
      await expect(registry.requireInPlace(target)).rejects.toThrow(`issuer/${B}: is missing`);
    }
  });

  it("are refused where no log has so many, or so many bytes of them", () => {
    const many = Array.from({ length: 100_001 }, (_, i) => gone(i.toString(16).padStart(64, "0"), i));
    expect(() => newRegistry().add(many)).toThrow(VerificationError);
    expect(() => newRegistry().add(many.slice(1))).not.toThrow();
    const large = many.slice(0, 3907).map(({ fingerprint, entry }) => there(fingerprint, entry, 65_536));
    expect(() => newRegistry().add(large)).toThrow(/256,000,000 bytes/);
    expect(() => newRegistry().add(large.slice(1))).not.toThrow();
  });

  it("are recalled from a list whose every part can be true, and from no other", async () => {
    const listed = async (issuers: unknown, version = 1) => {
      const writer = new MemoryWriter();
      const text = JSON.stringify({ "tlog-migrate-issuers": version, issuers });
      writer.objects.set(LIST, Buffer.from(text));
      return await listsOf(writer).read(600);
    };
    expect(await listed({ [A]: 0, [B]: 599 })).toEqual(
      new Map([
        [A, 0],
        [B, 599],
      ]),
    );
    for (const entry of [-1, 600, 0.5, 2 ** 53, "7", null])
      expect(await listed({ [A]: entry })).toBeUndefined();
    for (const name of [A.slice(1), A.toUpperCase(), `../${A}`, ""]) {
      expect(await listed({ [name]: 1 })).toBeUndefined();
    }
    for (const other of [null, 7, "x"]) expect(await listed(other)).toBeUndefined();
    expect(await listed({ [A]: 0 }, 2)).toBeUndefined();
    const many = Array.from({ length: 100_001 }, (_, i) => [i.toString(16).padStart(64, "0"), 1]);
    expect(await listed(Object.fromEntries(many))).toBeUndefined();
    expect((await listed(Object.fromEntries(many.slice(1))))?.size).toBe(100_000);
  });
});
