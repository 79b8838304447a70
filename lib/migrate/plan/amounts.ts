/** How much a copy stores, asks for and waits for: from the size of the log, its samples, and what is in place. */

import { availableParallelism } from "node:os";
import { ENTRIES_PER_SEAL, FULL_WIDTH, fullTileCount, partialTile } from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";
import { SAMPLES } from "../lifecycle/copy-tree.ts";
import type { CopySession } from "../session.ts";
import { listingCuts } from "../target/listing-cuts.ts";
import { type Estimate, exactly, hashTiles, sum, tilesRead, times } from "./estimate.ts";
import type { SampledLog } from "./sampled-log.ts";

/** What need not be copied. */
export interface InPlace {
  /** Full bundles below seals that count. */
  readonly sealedBundles: number;
  /** Other objects may be in place too, and are looked for before they are asked for. */
  readonly looksInTarget: boolean;
  /** All of it. */
  readonly isAll?: boolean;
}

/** How long a copy takes, in seconds. */
export interface PlannedTime {
  /** As fast as the samples were, with all threads; what a disk takes to make it durable, and how far away a bucket is, is not known. */
  readonly measured: number;
  /** At the requests a second of the operator's limit. */
  readonly atRate?: number;
  /** At the limit that the server states. */
  readonly atStatedLimit?: number;
  /** The longest of these. */
  readonly likely: number;
}

/** What a store that charges for requests counts. */
export interface StoreOperations {
  readonly writes: number;
  readonly reads: number;
  /** Pages of 1,000 objects. */
  readonly lists: number;
}

export interface Amounts {
  /** Entries below seals of earlier runs. */
  readonly sealedEntries: number;
  /** Entries that are left to copy, at most: some may be in place. */
  readonly entries: number;
  /** Objects that the copy stores, at most. */
  readonly objects: number;
  /** Their bytes. */
  readonly bytes: Estimate;
  /** Requests to the source; left out where it is on this machine. */
  readonly requests?: number;
  /** Bytes that come over the wire for them. */
  readonly transfer?: Estimate;
  readonly seconds: PlannedTime;
  /** Operations in the target; left out where free space counts instead. */
  readonly operations?: StoreOperations;
}

const TILE_BYTES = FULL_WIDTH * HASH_SIZE;

/** Threads, connections and the first and last requests take so long. */
const START_SECONDS = 0.3;

/** Processor time of an upload into a bucket, whose library, checksum and request a bundle and its tile need each. Measured. */
const UPLOAD_MS = 0.5;
const UPLOADS_A_BUNDLE = 2;

/** The checkpoint, before and after. */
const CHECKPOINT_READS = 2;

/** Marker, record, lock and list of issuers. */
const STATE_OBJECTS = 4;

const LISTED_AT_ONCE = 1000;

export function amountsOf(
  session: CopySession,
  size: number,
  sampled: SampledLog,
  inPlace: InPlace,
): Amounts {
  if (inPlace.isAll === true) {
    const none = { sealedEntries: size, entries: 0, objects: 0, bytes: exactly(0) };
    return { ...none, seconds: { measured: 0, likely: 0 } };
  }
  const { options, context, target, parallelism, progress } = session;
  const { sealedBundles, looksInTarget } = inPlace;
  const full = fullTileCount(size, 0);
  const edge = partialTile(size, 0) === undefined ? 0 : 1;
  const bundles = Math.max(0, full - sealedBundles - sampled.absentBundles) + edge;
  const tiles = hashTiles(size, sampled.absentBundles);
  const seals = sealedBundles / FULL_WIDTH;
  const share = full === 0 ? 0 : (full - sealedBundles) / full;
  const content = sum(times(sampled.bundleBytes, share), exactly(sampled.edgeBytes));
  const tileBytes = tiles.bytes - (sealedBundles + seals) * TILE_BYTES;
  const issuers = sampled.issuers;
  const bytes = sum(content, exactly(tileBytes + issuers.bytes));
  const storedIssuers = issuers.count - issuers.missing.length;
  const objects = bundles + tiles.objects - sealedBundles - seals + storedIssuers;
  const requestsABundle = context.source.hasCostlyBundles === true ? FULL_WIDTH : 1;
  const fetched = tilesRead(size, options.tiles === "fetch") - seals;
  // A first copy estimates the space that it needs, too.
  const samples = looksInTarget ? 0 : Math.min(requestsABundle === 1 ? SAMPLES : 1, full);
  const requests = (bundles + samples) * requestsABundle + fetched + issuers.count + CHECKPOINT_READS;
  const isRemote = context.isLocal !== true;
  const transfer = sum(times(content, sampled.wireRatio), exactly(fetched * TILE_BYTES));
  const { requestsPerSecond } = options;
  const { medianMs, processorMs } = sampled.pace;
  const { workers, concurrency } = parallelism;
  const processors = Math.min(workers, availableParallelism());
  const isBucket = target.freeSpace === undefined;
  const storedMs = isBucket ? UPLOADS_A_BUNDLE * UPLOAD_MS : 0;
  const msABundle = Math.max(isRemote ? medianMs / concurrency : 0, (processorMs + storedMs) / processors);
  const measured = START_SECONDS + (bundles * msABundle) / 1000;
  const atRate = requestsPerSecond && isRemote ? requests / requestsPerSecond : undefined;
  const atStatedLimit = progress.window?.secondsFor?.(requests);
  return {
    sealedEntries: seals * ENTRIES_PER_SEAL,
    entries: Math.max(0, size - (sealedBundles + sampled.absentBundles) * FULL_WIDTH),
    objects,
    bytes,
    ...(isRemote && { requests, transfer }),
    seconds: {
      measured,
      ...(atRate !== undefined && { atRate }),
      ...(atStatedLimit !== undefined && { atStatedLimit }),
      likely: Math.max(measured, atRate ?? 0, atStatedLimit ?? 0),
    },
    ...(isBucket && {
      operations: {
        writes: objects + STATE_OBJECTS,
        reads: fullTileCount(size, 1) + (looksInTarget ? 2 * bundles : 0),
        lists:
          Math.ceil((objects + 2 * sealedBundles + seals) / LISTED_AT_ONCE) +
          listingCuts(options.format, size).length,
      },
    }),
  };
}
