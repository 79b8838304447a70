/** How much is measured: a full run, a quick look, or as many entries as an operator asks for. */

import { type LogShape, staticCt, tiles } from "./logs/shapes.ts";

export interface Profile {
  /** Options because of which figures are no ground for claims; empty for a full run. */
  readonly reducedBy: string;
  /** Runs of each contender. */
  readonly rounds: number;
  /** Logs that are copied into memory, next to other programs. */
  readonly peers: readonly LogShape[];
  readonly tls: LogShape;
  readonly disk: LogShape;
  readonly distance: BestConcurrency;
  readonly scale: {
    /** Logs that are stored, the smallest first. */
    readonly stored: readonly LogShape[];
    /** Logs that are made while they are read, the smallest first; the copies are discarded. */
    readonly endless: readonly LogShape[];
  };
  readonly scaleOut: {
    /** Copied by one process, and by two. */
    readonly near: LogShape;
    /** Copied by numbers of workers, each behind a line of its own. */
    readonly far: LogShape;
    /** Of a log that is divided, and not stored. */
    readonly dividedEntries: number;
  };
  readonly startUps: number;
  readonly gcs: BestConcurrency;
  readonly s3: BestConcurrency;
  readonly live: {
    /** For which the lag is sampled. */
    readonly seconds: number;
    /** Entries of a log that is large before. */
    readonly before: number;
    readonly kills: number;
  };
  /** What plan estimates the time of. */
  readonly planned: LogShape;
  readonly uploadCost: {
    readonly rounds: number;
    /** Of one size, each time. */
    readonly uploads: number;
  };
}

export interface BestConcurrency {
  readonly log: LogShape;
  /** Bundles in flight of which the best is taken. */
  readonly concurrencies: readonly number[];
}

/** What may be asked for; the rest follows. */
export interface ProfileChoice {
  readonly quick: boolean;
  readonly rounds?: number | undefined;
  readonly entries?: number | undefined;
}

/** Round trips of the suites that copy over a distance. */
export const ROUND_TRIPS_MS = [0, 20, 50];
/** The log that Tessera's announcement of its migration tools is about. */
export const ANNOUNCED_SIZE = 13_712_258;

/** Whole level-1 tiles, twelve for each of eight workers: what is left to the coordinator is nothing. */
const FAR_ENTRIES = 96 * 65_536;
/** The log that many machines are for. */
const DIVIDED_ENTRIES = 10_000_000_000;

const FULL_ROUNDS = 3;
/** A quick look copies logs that are so much smaller: no ground for claims. */
const QUICK_DIVISOR = 20;
const [LARGE, SMALL] = [1000, 100];

/**
 * The profile of a choice. In full, every copy of ours takes five seconds or more on two cores, and all of it less than
 * 50 minutes. A number of entries is for all logs; more rounds than usual take nothing away.
 */
export function profileFor({ quick, rounds, entries }: ProfileChoice): Profile {
  const sized = ({ entries: usual, ...shape }: LogShape): LogShape => ({
    ...shape,
    entries: entries ?? (quick ? Math.ceil(usual / QUICK_DIVISOR) : usual),
  });
  const options = [
    quick ? "--quick" : "",
    entries === undefined ? "" : `--entries ${entries}`,
    rounds === undefined || rounds >= FULL_ROUNDS ? "" : `--rounds ${rounds}`,
  ];
  const [stored, endless] = [
    [1_000_000, 4_000_000, ANNOUNCED_SIZE],
    [ANNOUNCED_SIZE, 100_000_000],
  ].map((sizes) => sizes.slice(entries === undefined ? 0 : -1).map((size) => sized(tiles(size, SMALL))));
  return {
    reducedBy: options.filter((option) => option !== "").join(" "),
    rounds: rounds ?? (quick ? 1 : FULL_ROUNDS),
    peers: [tiles(5_000_000, LARGE), tiles(10_000_000, SMALL), staticCt(2_000_000)].map(sized),
    tls: sized(tiles(5_000_000, LARGE)),
    disk: sized(tiles(2_000_000, LARGE)),
    distance: {
      log: sized(tiles(2_000_000, LARGE)),
      concurrencies: quick ? [128] : [32, 64, 128, 256],
    },
    scale: { stored: stored ?? [], endless: endless ?? [] },
    scaleOut: {
      near: sized(tiles(4_000_000, LARGE)),
      far: sized(tiles(FAR_ENTRIES, SMALL)),
      dividedEntries: Math.max(65_536, sized(tiles(DIVIDED_ENTRIES, SMALL)).entries),
    },
    startUps: quick ? 5 : 15,
    gcs: {
      log: sized(tiles(600_000, LARGE)),
      concurrencies: quick ? [64] : [16, 32, 64, 128, 256],
    },
    s3: {
      log: sized(tiles(1_000_000, LARGE)),
      concurrencies: quick ? [64] : [32, 64, 128, 256],
    },
    live: {
      seconds: quick ? 15 : 120,
      before: sized(tiles(10_000_000, SMALL)).entries,
      kills: quick ? 2 : 5,
    },
    planned: sized(tiles(600_000, LARGE)),
    uploadCost: quick ? { rounds: 1, uploads: 500 } : { rounds: 5, uploads: 2000 },
  };
}
