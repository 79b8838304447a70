/** The kinds of logs that are measured, and what they take up. */

import { FULL_WIDTH, type LogFormat } from "../../lib/tlog/layout.ts";
import { HASH_SIZE } from "../../lib/tlog/merkle.ts";

/** What a generated log looks like. */
export interface LogShape {
  readonly format: LogFormat;
  readonly entries: number;
  /** Bytes of an entry, or `min-max`; Static CT entries have the size of certificates. */
  readonly entrySize: string;
}

const LENGTH_SIZE = 2;
const PAGE_SIZE = 4096;
/** Tiles of all levels beside those of level 0. */
const UPPER_LEVELS = 1.004;
/** Measured over the generator's certificates: an entry in a bundle, and the same with gzip. */
const [STATIC_CT_ENTRY_BYTES, STATIC_CT_GZIP_BYTES] = [1220, 840];

/** What stands for the size of Static CT entries, which cannot be chosen. */
export const CERTIFICATE_SIZE = "certificates";

/** Bytes that a log takes up at the source, where Static CT entries are stored compressed. */
export function sourceBytes(shape: LogShape): number {
  return storedBytes(shape, shape.format === "static-ct" ? STATIC_CT_GZIP_BYTES : meanEntryBytes(shape));
}

/** Bytes that a copy of a log takes up. */
export function targetBytes(shape: LogShape): number {
  return storedBytes(shape, meanEntryBytes(shape));
}

/** Bytes of all objects of a log, wherever they are. */
export function objectBytes(shape: LogShape): number {
  return Math.round(shape.entries * (meanEntryBytes(shape) + UPPER_LEVELS * HASH_SIZE));
}

/** Bytes of an entry, on average. */
export function meanEntrySize(entrySize: string): number {
  const bounds = entrySizeBounds(entrySize);
  return bounds.reduce((sum, bytes) => sum + bytes, 0) / bounds.length;
}

/** A shape in words, as the beginning of a title. */
export function describeShape({ format, entries, entrySize }: LogShape): string {
  const count = entries.toLocaleString("en");
  return format === "static-ct"
    ? `${count} Static CT entries, served with gzip`
    : `${count} entries of ${describeEntrySize(entrySize)}`;
}

/** A shape as a part of file names and ids. */
export function shapeId({ format, entrySize }: LogShape): string {
  return format === "static-ct" ? "static-ct" : `${entrySize}B`;
}

/** Bytes of an entry in words. */
export function describeEntrySize(entrySize: string): string {
  const [least = 0, most = least] = entrySizeBounds(entrySize);
  const [from, to] = [least, most].map((bytes) => bytes.toLocaleString("en"));
  return least === most ? `${from} B` : `${from} to ${to} B`;
}

function meanEntryBytes({ format, entrySize }: LogShape): number {
  if (format === "static-ct") return STATIC_CT_ENTRY_BYTES;
  return LENGTH_SIZE + meanEntrySize(entrySize);
}

function entrySizeBounds(entrySize: string): number[] {
  return entrySize.split("-").map(Number);
}

/** A bundle and a tile for every 256 entries, each on pages of its own; what stands above them is little. */
function storedBytes({ entries }: LogShape, entryBytes: number): number {
  const bundles = Math.ceil(entries / FULL_WIDTH);
  return bundles * (wholePages(FULL_WIDTH * entryBytes) + UPPER_LEVELS * wholePages(FULL_WIDTH * HASH_SIZE));
}

function wholePages(bytes: number): number {
  return Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
}
