/**
 * What a bucket takes when nothing else is done: uploads as many objects of the size of bundles and tiles as a log
 * has, from as many threads and requests in flight as the program that is measured, by the program's own uploads.
 *
 *     node bench/stages/upload-loop.ts PROGRAM BUCKET BUNDLES BUNDLE_BYTES CONCURRENCY
 */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import type { GcsBucket } from "../../storage/gcs/bucket.ts";

interface Share {
  readonly program: string;
  readonly bucket: string;
  readonly first: number;
  readonly bundles: number;
  readonly bundleBytes: number;
  readonly concurrency: number;
}

const TILE_BYTES = 8192;

async function upload({ program, bucket, first, bundles, bundleBytes, concurrency }: Share): Promise<void> {
  const file = join(program, "../../storage/gcs/bucket.js");
  const { GcsBucket: Bucket } = (await import(pathToFileURL(file).href)) as { GcsBucket: typeof GcsBucket };
  const retry = {
    attempts: 10,
    minDelayMs: 100,
    maxDelayMs: 1000,
    maxRetryAfterMs: 1000,
    contentAttempts: 0,
  };
  const options = { connections: concurrency, retry, userAgentVersion: "bench" };
  const objects = new Bucket({ bucket, prefix: "" }, options).openObjects();
  const [bundle, tile] = [Buffer.alloc(bundleBytes, 7), Buffer.alloc(TILE_BYTES, 7)];
  let next = first;
  const lane = async () => {
    for (let at = next++; at < first + bundles; at = next++) {
      await objects.put(`tile/entries/${at}`, bundle);
      await objects.put(`tile/0/${at}`, tile);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  await objects.close();
}

if (isMainThread) {
  const [program = "", bucket = "", ...numbers] = process.argv.slice(2);
  const [bundles = 0, bundleBytes = 0, concurrency = 0] = numbers.map(Number);
  const threads = availableParallelism();
  const share = Math.ceil(bundles / threads);
  const workers = Array.from({ length: threads }, (_, i) => {
    const first = i * share;
    const mine = Math.max(0, Math.min(share, bundles - first));
    const all = { program, bucket, first, bundles: mine, bundleBytes };
    const own = { ...all, concurrency: Math.max(1, Math.floor(concurrency / threads)) } satisfies Share;
    return new Worker(new URL(import.meta.url), { workerData: own });
  });
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve))));
} else {
  await upload(workerData as Share);
}
