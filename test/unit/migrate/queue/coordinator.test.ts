/** How the process that divides a copy finds out what workers have done: from the target alone, by few requests. */

import { expect, it } from "vitest";
import type { Rounds } from "../../../../lib/migrate/lifecycle/rounds.ts";
import { Coordinator } from "../../../../lib/migrate/queue/coordinator.ts";
import { parseJob, tilesOfRun } from "../../../../lib/migrate/queue/jobs.ts";
import { Progress } from "../../../../lib/migrate/report/progress.ts";
import type { CopySession } from "../../../../lib/migrate/session.ts";
import { tilePath } from "../../../../lib/tlog/layout.ts";
import { MemoryQueue } from "../../../support/memory-queue.ts";

const SEAL = Buffer.alloc(8_192);

/** A copy of so many full level-1 tiles; what workers store, after some that are there, and what it is asked for. */
function dividedCopy(tiles: number, sealed = 0) {
  const stored = new Map<string, Uint8Array>();
  const store = (index: number) => stored.set(tilePath({ level: 1, index, width: 256 }), SEAL);
  for (let index = 0; index < sealed; index++) store(index);
  const asked = { reads: 0, lists: 0 };
  const progress = new Progress();
  const session = {
    target: {
      async *list(directory: string) {
        asked.lists++;
        const below = [...stored].filter(([path]) => path.startsWith(`${directory}/`));
        for (const [path, { length }] of below) yield { path, bytes: length };
      },
    },
    writer: () => ({
      async read(path: string) {
        asked.reads++;
        return stored.get(path);
      },
    }),
    knownSeals: new Set<number>(),
    progress,
    options: {},
  } as unknown as CopySession;
  const rounds = { aim: { size: tiles * 65_536 }, marker: { minIndex: 0 } } as unknown as Rounds;
  return { stored, store, asked, progress, session, rounds };
}

async function divide(
  { session, rounds, store }: ReturnType<typeof dividedCopy>,
  tiles: number,
  workers: number,
): Promise<MemoryQueue> {
  const queue = new MemoryQueue();
  const client = await queue.open("memory:", "test", () => {});
  const over = new AbortController();
  const work = async (job: unknown) => tilesOfRun(parseJob(job, tiles)).forEach((index) => void store(index));
  const working = Array.from({ length: workers }, () => client.take(work, over.signal));
  await Coordinator.run(session, rounds, client, over.signal);
  over.abort();
  await Promise.all(working);
  return queue;
}

it("lists the directories in which many tiles are waited for, and asks for few by themselves", async () => {
  const [tiles, sealed] = [6_000, 1_000];
  const copy = dividedCopy(tiles, sealed);
  await divide(copy, tiles, 64);
  expect(copy.stored.size).toBe(tiles);
  // Without listings each tile, and each run again and again.
  expect(copy.asked.reads).toBeLessThan(2_000);
  expect(copy.asked.lists).toBeLessThan(100);
  expect(copy.progress.snapshot().entriesDone).toBe((tiles - sealed) * 65_536);
});

it("waits for what is listed with another size as for what is missing", async () => {
  const [tiles, sealed] = [1_100, 1_000];
  const copy = dividedCopy(tiles, sealed);
  copy.stored.set(tilePath({ level: 1, index: 1_050, width: 256 }), SEAL.subarray(1));
  copy.stored.set(tilePath({ level: 1, index: 1_051, width: 255 }), SEAL);
  const queue = await divide(copy, tiles, 1);
  const added = new Set(queue.added.flatMap(tilesOfRun));
  expect([added.size, added.has(1_050), added.has(1_051)]).toEqual([100, true, true]);
});
