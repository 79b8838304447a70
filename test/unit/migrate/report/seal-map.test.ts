import { describe, expect, test } from "vitest";
import type { WorkUnit } from "../../../../lib/migrate/ports/executor.ts";
import { MAX_CELLS, SealMap } from "../../../../lib/migrate/report/seal-map.ts";

const SEAL = 65_536;

const run = (firstBundle: number, bundles: number): WorkUnit => ({
  kind: "run",
  firstBundle,
  hashes: Array.from({ length: bundles }, () => ""),
});

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

/** Takes all units, then gives them back in turn: `step` says when. */
function inHand(map: SealMap, units: readonly WorkUnit[]) {
  const hold = async function* (begun: AsyncIterable<WorkUnit>) {
    const taken: WorkUnit[] = [];
    for await (const unit of begun) taken.push(unit);
    for (const unit of taken) yield [unit, undefined] as const;
  };
  const running = map.during(each(units), hold);
  return { step: () => running.next(), stop: () => running.return(undefined) };
}

function newMap(size: number, done = 0): SealMap {
  const map = new SealMap();
  map.startRound(size, done);
  return map;
}

test("a cell fills as its units end, and is whole only with its seal", async () => {
  const map = newMap(2 * SEAL);
  map.opened(0);
  expect(map.cells()).toEqual({ sealsPerCell: 1, seals: 2, percent: [0, 0], inWork: [] });
  const { step } = inHand(map, [run(0, 128), run(128, 128)]);
  await step();
  expect(map.cells()).toMatchObject({ percent: [50, 0], inWork: [0] });
  await step();
  expect(map.cells()).toMatchObject({ percent: [99, 0], inWork: [] });
  map.sealed(0);
  map.skipped(1);
  expect(map.cells()).toMatchObject({ percent: [100, 100], inWork: [] });
  expect((await step()).done).toBe(true);
});

test("the right edge is a cell of the size that it has", async () => {
  const map = newMap(SEAL + 300);
  const { step } = inHand(map, [
    run(256, 1),
    { kind: "edge", bundle: { index: 257, width: 44 }, leafHashes: "" },
  ]);
  await step();
  expect(map.cells()).toMatchObject({ seals: 2, percent: [0, 85], inWork: [1] });
  await step();
  expect(map.cells()).toMatchObject({ percent: [0, 100], inWork: [] });
});

test("nothing is under way any more where the work was given up", async () => {
  const map = newMap(SEAL);
  const { step, stop } = inHand(map, [run(0, 128), run(128, 128)]);
  await step();
  expect(map.cells().inWork).toEqual([0]);
  await stop();
  expect(map.cells()).toMatchObject({ percent: [50], inWork: [] });
});

test("of two runs at the same time, the end of one leaves the other under way", async () => {
  const map = newMap(2 * SEAL);
  const [first, second] = [
    inHand(map, [run(0, 128), run(128, 128)]),
    inHand(map, [run(256, 64), run(320, 64)]),
  ];
  await Promise.all([first.step(), second.step()]);
  await first.stop();
  expect(map.cells().inWork).toEqual([1]);
  await second.step();
  expect(map.cells()).toMatchObject({ percent: [50, 50], inWork: [] });
  expect((await second.step()).done).toBe(true);
  expect(map.cells().inWork).toEqual([]);
});

test("a later round keeps what is in place, and does the partial bundle again", async () => {
  const map = newMap(3 * SEAL, SEAL + 256 + 100);
  expect(map.cells().percent).toEqual([100, 0, 0]);
  const { step } = inHand(map, [run(257, 255)]);
  await step();
  expect(map.cells().percent).toEqual([100, 100, 0]);
});

describe("seals are grouped where there are many", () => {
  test.each([
    [MAX_CELLS * SEAL, 1, MAX_CELLS],
    [MAX_CELLS * SEAL + 1, 2, MAX_CELLS / 2 + 1],
    [3 * MAX_CELLS * SEAL, 4, 768],
    [10 ** 12, 16_384, 932],
    [Number.MAX_SAFE_INTEGER, 2 ** 27, MAX_CELLS],
  ])("%i entries: %i a cell", (size, sealsPerCell, cells) => {
    const map = newMap(size);
    expect(map.cells()).toMatchObject({ sealsPerCell, seals: Math.ceil(size / SEAL) });
    expect(map.cells().percent).toEqual(Array(cells).fill(0));
  });

  test("a cell has the share of all of its seals, and is whole with the last of them", () => {
    const map = newMap(2 * MAX_CELLS * SEAL);
    map.skipped(2);
    expect(map.cells().percent.slice(0, 3)).toEqual([0, 50, 0]);
    map.opened(3);
    map.skipped(3);
    expect(map.cells().percent[1]).toBe(99);
    map.sealed(3);
    expect(map.cells().percent[1]).toBe(100);
  });
});

test("an empty log has no cells", () => {
  expect(newMap(0).cells()).toEqual({ sealsPerCell: 1, seals: 0, percent: [], inWork: [] });
});
