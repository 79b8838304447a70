/** What becomes of a unit whose bytes may not have reached the disk. */

import pLimit from "p-limit";
import { describe, expect, it } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { WriteAgainError } from "../../../../lib/migrate/ports/target.ts";
import { ByteBudget } from "../../../../lib/migrate/read/byte-budget.ts";
import { copyBundles } from "../../../../lib/migrate/unit/bundle-copier.ts";
import { expectedBundles } from "../../../../lib/migrate/unit/expected-bundle.ts";
import { formatHash } from "../../../../lib/tlog/merkle.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { MemoryWriter, memoryContext } from "../../../support/logs/in-memory-log.ts";

const log = testLog({ size: 3 });
const BUNDLE = "tile/entries/000.p/3";
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
});
