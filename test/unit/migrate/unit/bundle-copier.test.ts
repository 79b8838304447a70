/** What becomes of a unit whose bytes may not have reached the disk. */

import { setTimeout as sleep } from "node:timers/promises";
import pLimit from "p-limit";
import { describe, expect, it } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { WriteAgainError } from "../../../../lib/migrate/ports/target.ts";
import { ByteBudget } from "../../../../lib/migrate/read/byte-budget.ts";
import { copyBundles } from "../../../../lib/migrate/unit/bundle-copier.ts";
import { expectedBundles } from "../../../../lib/migrate/unit/expected-bundle.ts";
import { formatHash, hashAt } from "../../../../lib/tlog/merkle.ts";
import { flippedBit } from "../../../support/http/tampering.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { MemoryWriter, memoryContext } from "../../../support/logs/in-memory-log.ts";
import { FAST_RETRY } from "../../../support/migration.ts";

const log = testLog({ size: 3 });
const BUNDLE = "tile/entries/000.p/3";
const FIRST = "tile/entries/000";
const TILE = "tile/0/000.p/3";
const FACTS = { object: "the disk", problem: "reports an input/output error" };

/** Copies the only bundle to a writer whose first commits fail. */
async function copyWith(failures: Error[], writer = new MemoryWriter()): Promise<MemoryWriter> {
  const batch = writer.batch.bind(writer);
  writer.batch = () => {
    writer.failure = failures.shift();
    return batch();
  };
  const context = memoryContext(log.objects);
  const work = { context, writer, budget: new ByteBudget(1 << 20), limit: pLimit(1) };
  const leafHashes = formatHash(log.object(TILE));
  const unit = { kind: "edge", bundle: { index: 0, width: 3 }, leafHashes } as const;
  await copyBundles({ ...work, tiles: "derive", resume: false }, expectedBundles(unit, "tiles"));
  return writer;
}

describe("a unit", () => {
  it("is written again, once, where the target says that this may help", async () => {
    const { objects } = await copyWith([new WriteAgainError(FACTS)]);
    expect([...objects.keys()].toSorted()).toEqual([TILE, BUNDLE]);
    const twice = copyWith([new WriteAgainError(FACTS), new WriteAgainError(FACTS)]);
    await expect(twice).rejects.toBeInstanceOf(WriteAgainError);
  });

  it("fails at any other failure of the target", async () => {
    const writer = new MemoryWriter();
    await expect(copyWith([new OperationError(FACTS)], writer)).rejects.toBeInstanceOf(OperationError);
    expect(writer.objects.size).toBe(0);
  });

  it("of which a bundle is bad is abandoned, after the last of the others has ended", async () => {
    const larger = testLog({ size: 512 });
    const bad = new Map([...larger.objects, [FIRST, flippedBit(larger.object(FIRST), 99)]]);
    const context = memoryContext(bad, "tiles", { retry: { ...FAST_RETRY, contentAttempts: 0 } });
    const events: string[] = [];
    const put = async (path: string): Promise<void> => {
      await sleep(20);
      events.push(path);
    };
    const abandon = async (): Promise<void> => void events.push("abandoned");
    const writer = new MemoryWriter();
    const batch = writer.batch.bind(writer);
    writer.batch = () => ({ ...batch(), put, abandon }) as unknown as ReturnType<typeof batch>;
    const work = { context, writer, budget: new ByteBudget(1 << 20), limit: pLimit(2) };
    const hashes = [0, 1].map((index) => formatHash(hashAt(larger.object("tile/1/000.p/2"), index)));
    const bundles = expectedBundles({ kind: "run", firstBundle: 0, hashes }, "tiles");
    await expect(copyBundles({ ...work, tiles: "derive", resume: false }, bundles)).rejects.toThrow(FIRST);
    expect(events).toEqual(["tile/entries/001", "tile/0/001", "abandoned"]);
  });
});

describe("a run that is likely new", () => {
  const two = testLog({ size: 512 });
  const paths = [0, 1].flatMap((index) => [`tile/entries/00${index}`, `tile/0/00${index}`]);

  /** Copies both bundles to a target that has some objects. Gives what was read there, and how many entries came from where. */
  async function copyTo(inPlace: Iterable<readonly [string, Uint8Array]>) {
    const writer = new MemoryWriter();
    for (const [path, bytes] of inPlace) writer.objects.set(path, Buffer.from(bytes));
    const looks: string[] = [];
    const read = writer.read.bind(writer);
    writer.read = (path, ...others) => {
      looks.push(path);
      return read(path, ...others);
    };
    const context = memoryContext(two.objects);
    const work = { context, writer, budget: new ByteBudget(1 << 20), limit: pLimit(1) };
    const hashes = [0, 1].map((index) => formatHash(hashAt(two.object("tile/1/000.p/2"), index)));
    const bundles = expectedBundles({ kind: "run", firstBundle: 0, hashes }, "tiles");
    await copyBundles({ ...work, tiles: "derive", resume: true }, bundles, true);
    for (const path of paths)
      expect(two.object(path).equals(writer.objects.get(path) ?? Buffer.of())).toBe(true);
    const { counters } = context;
    return { looks, copied: counters.get("entries"), resumed: counters.get("resumedEntries") };
  }

  it("costs one look at the target", async () => {
    expect(await copyTo([])).toEqual({ looks: ["tile/0/000"], copied: 512, resumed: 0 });
  });

  it("is looked for, bundle by bundle, once its first tile is there", async () => {
    const found = await copyTo(paths.slice(0, 2).map((path) => [path, two.object(path)] as const));
    expect(found).toMatchObject({ copied: 256, resumed: 256 });
    expect(found.looks).toHaveLength(5);
  });

  it("replaces what is there without the first tile, right or wrong", async () => {
    const wrong = flippedBit(two.object("tile/0/001"), 7);
    const found = await copyTo([
      ["tile/entries/001", two.object("tile/entries/001")],
      ["tile/0/001", wrong],
    ]);
    expect(found).toMatchObject({ copied: 512, resumed: 0 });
  });
});
