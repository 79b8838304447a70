/** The kinds of logs that are measured, and what they take up. */

import type { LogFormat } from "../../lib/index.ts";

/** What a generated log looks like. */
export interface LogShape {
  readonly format: LogFormat;
  readonly entries: number;
  /** Bytes of an entry; Static CT entries, whose size cannot be chosen, have about so many. */
  readonly entrySize: number;
}

/** Measured over the generator's certificates: an entry in a bundle, and the same with gzip. */
const [CERTIFICATE_BYTES, GZIP_BYTES] = [1220, 840];
/** The length before an entry, and its hash in the tiles of all levels. */
const TREE_BYTES = 2 + 32.13;
/** Files take up whole pages of 4 KiB, of which bundles and tiles of small entries leave most unused. */
const PAGES = 1.1;

export function tiles(entries: number, entrySize: number): LogShape {
  return { format: "tiles", entries, entrySize };
}

export function staticCt(entries: number): LogShape {
  return { format: "static-ct", entries, entrySize: CERTIFICATE_BYTES };
}

/** Bytes of all objects of a log that is not compressed. */
export function objectBytes({ entries, entrySize }: LogShape): number {
  return Math.round(entries * (entrySize + TREE_BYTES));
}

/** Bytes that a copy of a log takes up at most. */
export function targetBytes(shape: LogShape): number {
  return objectBytes(shape) * PAGES;
}

/** Bytes that a log takes up at the source at most, where Static CT entries are stored compressed. */
export function sourceBytes(shape: LogShape): number {
  return targetBytes(shape.format === "static-ct" ? { ...shape, entrySize: GZIP_BYTES } : shape);
}

/** A shape in words, as the beginning of a title. */
export function describeShape({ format, entries, entrySize }: LogShape): string {
  const count = entries.toLocaleString("en");
  if (format === "static-ct") return `${count} Static CT entries, served with gzip`;
  return `${count} entries of ${entrySize.toLocaleString("en")} B`;
}

/** A shape as a part of file names and ids. */
export function shapeId({ format, entrySize }: LogShape): string {
  return format === "static-ct" ? "static-ct" : `${entrySize}B`;
}
