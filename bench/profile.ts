/** How much is measured: a full run, a quick look, or what an operator asks for. */

import type { LogFormat } from "../lib/tlog/layout.ts";
import { CERTIFICATE_SIZE, type LogShape } from "./logs/shapes.ts";

/** Whether all is measured that figures and goals are claimed for, or with which options less or something else. */
export type Extent =
  | { readonly kind: "full" }
  | { readonly kind: "quick" | "reduced"; readonly options: string };

export interface Profile {
  readonly extent: Extent;
  /** Runs of each contender. */
  readonly rounds: number;
  /** Logs that are copied into memory, beside the peers. */
  readonly peers: readonly LogShape[];
  /** The log that is served with TLS, and copied into memory. */
  readonly tls: LogShape;
  readonly disk: LogShape;
  readonly distance: {
    readonly log: LogShape;
    readonly roundTripsMs: readonly number[];
    /** Bundles in flight of which the best is taken. */
    readonly concurrencies: readonly number[];
  };
  readonly scale: {
    /** Of logs that are stored, ascending. */
    readonly entries: readonly number[];
    /** Of logs that are made while they are read, ascending; the copies are discarded. */
    readonly endless: readonly number[];
    readonly entrySize: string;
  };
  readonly stages: LogShape;
  readonly startUps: number;
  readonly gcs: {
    readonly log: LogShape;
    readonly roundTripsMs: readonly number[];
    readonly concurrencies: readonly number[];
  };
}

/** What may be asked for; the rest follows. */
export interface ProfileChoice {
  readonly quick: boolean;
  readonly rounds?: number | undefined;
  readonly entries?: number | undefined;
  readonly entrySize?: string | undefined;
  readonly format?: LogFormat | undefined;
}

/** The log that Tessera's announcement of its migration tools tells of. */
export const ANNOUNCED_SIZE = 13_712_258;

const [LARGE, SMALL] = ["1000", "100"];
const ROUND_TRIPS_MS = [0, 20, 50];

/**
 * Sizes with which every copy of ours takes five seconds or more on two cores, and all of it half an hour. Of
 * certificates and small entries fewer and more are needed for that.
 */
const FULL: Profile = {
  extent: { kind: "full" },
  rounds: 3,
  peers: [tiles(5_000_000, LARGE), tiles(10_000_000, SMALL), staticCt(2_000_000)],
  tls: tiles(5_000_000, LARGE),
  disk: tiles(2_000_000, LARGE),
  distance: {
    log: tiles(2_000_000, LARGE),
    roundTripsMs: ROUND_TRIPS_MS,
    concurrencies: [32, 64, 128, 256],
  },
  scale: {
    entries: [1_000_000, 4_000_000, ANNOUNCED_SIZE],
    endless: [ANNOUNCED_SIZE, 100_000_000],
    entrySize: SMALL,
  },
  stages: tiles(5_000_000, LARGE),
  startUps: 15,
  gcs: {
    log: tiles(600_000, LARGE),
    roundTripsMs: ROUND_TRIPS_MS,
    concurrencies: [16, 32, 64, 128, 256],
  },
};

/** Two minutes on two cores, generating included: a look, no ground for claims. */
const QUICK: Profile = {
  extent: { kind: "quick", options: "--quick" },
  rounds: 1,
  peers: [tiles(300_000, LARGE), tiles(500_000, SMALL), staticCt(60_000)],
  tls: tiles(300_000, LARGE),
  disk: tiles(100_000, LARGE),
  distance: { log: tiles(100_000, LARGE), roundTripsMs: ROUND_TRIPS_MS, concurrencies: [128] },
  scale: { entries: [100_000, 500_000], endless: [500_000, 2_000_000], entrySize: SMALL },
  stages: tiles(300_000, LARGE),
  startUps: 5,
  gcs: { log: tiles(60_000, LARGE), roundTripsMs: ROUND_TRIPS_MS, concurrencies: [64] },
};

/** The profile of a choice. A format or a size of entries makes one kind of log of all kinds. */
export function profileFor(choice: ProfileChoice): Profile {
  const base = choice.quick ? QUICK : FULL;
  const { rounds = base.rounds, entries, entrySize } = choice;
  const chosen = (shape: LogShape) => chosenShape(shape, choice);
  const oneKind = choice.format !== undefined || entrySize !== undefined;
  return {
    ...base,
    extent: extentOf(choice),
    rounds,
    peers: base.peers.slice(0, oneKind ? 1 : undefined).map(chosen),
    tls: chosen(base.tls),
    disk: chosen(base.disk),
    distance: { ...base.distance, log: chosen(base.distance.log) },
    scale: {
      entries: entries === undefined ? base.scale.entries : [Math.ceil(entries / 4), entries],
      endless: entries === undefined ? base.scale.endless : [entries],
      entrySize: entrySize ?? base.scale.entrySize,
    },
    stages: chosen(base.stages),
    gcs: { ...base.gcs, log: chosen(base.gcs.log) },
  };
}

/** More rounds than usual take nothing away. */
function extentOf({ quick, entries, rounds, entrySize, format }: ProfileChoice): Extent {
  const options = [
    quick ? "--quick" : "",
    entries === undefined ? "" : `--entries ${entries}`,
    entrySize === undefined ? "" : `--entry-size ${entrySize}`,
    format === undefined ? "" : `--format ${format}`,
    rounds === undefined || rounds >= FULL.rounds ? "" : `--rounds ${rounds}`,
  ].filter((option) => option !== "");
  if (options.length === 0) return { kind: "full" };
  return { kind: quick ? "quick" : "reduced", options: options.join(" ") };
}

function chosenShape(shape: LogShape, choice: ProfileChoice): LogShape {
  const { format = shape.format, entrySize } = choice;
  const usual = format === shape.format ? shape : usualShape(format, choice.quick);
  const entries = choice.entries ?? usual.entries;
  return format === "static-ct" ? staticCt(entries) : tiles(entries, entrySize ?? usual.entrySize);
}

function usualShape(wanted: LogFormat, quick: boolean): LogShape {
  const shape = (quick ? QUICK : FULL).peers.find(({ format }) => format === wanted);
  if (shape === undefined) throw new Error(`no log is made of format ${wanted}`);
  return shape;
}

function tiles(entries: number, entrySize: string): LogShape {
  return { format: "tiles", entries, entrySize };
}

function staticCt(entries: number): LogShape {
  return { format: "static-ct", entries, entrySize: CERTIFICATE_SIZE };
}
