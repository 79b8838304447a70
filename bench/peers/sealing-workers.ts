/**
 * Workers of a queue that copy nothing: for each tile of their jobs they store the seal alone, which all look the same in
 * a log of `EndlessLog`. They show what the process that divides a copy, and the queue, are capable of.
 *
 *     node bench/peers/sealing-workers.ts QUEUE_URL SOURCE_URL DIRECTORY TILES MACHINES
 *
 * Once all seals are in the directory, they print as one line of JSON what they did, and end when their input does.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseJob, queueName, tilesOfRun } from "../../lib/migrate/queue/jobs.ts";
import { FULL_WIDTH, tilePath } from "../../lib/tlog/layout.ts";
import { openBullQueue } from "../../storage/bullmq/queue.ts";

/** What they did. */
export interface Sealing {
  readonly jobs: number;
  /** From the first job to the last seal. */
  readonly seconds: number;
}

const ID_FILE = ".state/tlog-migrate-queue.json";

async function main([
  queueUrl = "",
  sourceUrl = "",
  directory = "",
  tiles = "",
  machines = "",
]: readonly string[]) {
  const answer = await fetch(`${sourceUrl}/${sealPath(0)}`);
  const seal = Buffer.from(await answer.arrayBuffer());
  const idFile = join(directory, ID_FILE);
  while (!existsSync(idFile)) await sleep(10);
  const { "tlog-migrate-queue": id } = JSON.parse(readFileSync(idFile, "utf8"));
  const [done, total] = [new Set<number>(), Number(tiles)];
  let [jobs, startedAt] = [0, 0];
  const over = new AbortController();
  const work = async (job: unknown): Promise<void> => {
    startedAt ||= performance.now();
    jobs++;
    for (const index of tilesOfRun(parseJob(job, total))) {
      const path = join(directory, sealPath(index));
      if (index % 1000 === 0 || !existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, seal);
      done.add(index);
    }
    if (done.size < total) return;
    const seconds = (performance.now() - startedAt) / 1000;
    process.stdout.write(`${JSON.stringify({ jobs, seconds } satisfies Sealing)}\n`);
    over.abort();
  };
  await Promise.all(
    Array.from({ length: Number(machines) }, async () => {
      const queue = await openBullQueue(queueUrl, queueName(id), () => {});
      await queue.take(work, over.signal).finally(() => queue.close());
    }),
  );
}

function sealPath(index: number): string {
  return tilePath({ level: 1, index, width: FULL_WIDTH });
}

if (import.meta.main) await main(process.argv.slice(2));
