/**
 * Makes logs of any size from a seed, for benchmarks, the demo and tests. The same options always give the same
 * log; a larger size only adds to it. Run directly, it writes one:
 *
 *     node test/logs/generate.ts --entries 4000000 --entry-size 1000 --format tiles --seed demo --out DIR
 *
 * With --entry-size 200-2000 the entries have sizes in that range.
 */

import { hash } from "node:crypto";
import { closeSync, mkdirSync, openSync, realpathSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { hashBundle } from "../../lib/tlog/hasher/hasher.ts";
import {
  bundlePath,
  CHECKPOINT_PATH,
  FULL_WIDTH,
  type LogFormat,
  levelCount,
  tilePath,
} from "../../lib/tlog/layout.ts";
import { foldTile, formatHash, HASH_SIZE, rootFromRightEdge } from "../../lib/tlog/merkle.ts";
import { certificateEntries } from "./certificates.ts";
import { type EntrySize, type EntryWriter, tilesEntries } from "./entries.ts";
import { logKeys } from "./log-keys.ts";
import { tilesOf } from "./tiles.ts";

export interface LogOptions {
  readonly size: number;
  /** Default "tiles". */
  readonly format?: LogFormat;
  /** Bytes of an entry in a "tiles" log; default 1000. Static CT entries have the size of certificates. */
  readonly entrySize?: EntrySize;
  /** All content and keys follow from it; default "tlog-migrate". */
  readonly seed?: string;
  /** Default "log.example/<seed>". */
  readonly origin?: string;
  /** Extension lines of the checkpoint; default none. */
  readonly extensions?: readonly string[];
  /** Store data tiles gzip-compressed, as Sunlight does; default false. */
  readonly gzip?: boolean;
}

/** One object of a log. The bytes are good until the next object is asked for: entry bundles share a buffer. */
export interface LogObject {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What is to be known of a log that was made. */
export interface GeneratedLog {
  readonly origin: string;
  readonly size: number;
  readonly rootHash: Uint8Array;
  readonly vkey: string;
  /** Static CT alone: base64 of the DER SubjectPublicKeyInfo. */
  readonly publicKey: string | undefined;
}

/**
 * Every object of a log, the checkpoint last, and what is to be known of it as the generator's return value.
 * Holds one bundle and one tile a level at a time. The order is that of a log that grows bundle by bundle.
 */
export function* generateLog(options: LogOptions): Generator<LogObject, GeneratedLog> {
  const { size, format = "tiles", seed = "tlog-migrate" } = options;
  const { origin = `log.example/${seed}` } = options;
  const entries = entriesOf(options);
  yield* entries.issuers.map((der) => ({ path: `issuer/${hash("sha256", der)}`, bytes: der }));
  const upper = new UpperLevels();
  const edge: Uint8Array[] = [];
  const buffer = Buffer.allocUnsafeSlow(entries.maxEntrySize * Math.min(size, FULL_WIDTH));
  for (const { index, width } of tilesOf(size, 0)) {
    const bundle = writeBundle(entries, index, width, buffer);
    const { leafHashes, root } = hashBundle(format, bundle, width);
    yield { path: bundlePath(format, { index, width }), bytes: options.gzip ? gzipSync(bundle) : bundle };
    yield { path: tilePath({ level: 0, index, width }), bytes: leafHashes };
    if (root === undefined) edge[0] = leafHashes;
    else yield* upper.append(1, root);
  }
  for (let level = 1; level < levelCount(size); level++) {
    const tile = upper.partialTile(level);
    if (tile === undefined) continue;
    edge[level] = tile.bytes;
    yield tile;
  }
  const rootHash = rootFromRightEdge(size, edge);
  const { vkey, publicKey, signCheckpoint } = logKeys(origin, seed, format);
  yield { path: CHECKPOINT_PATH, bytes: signCheckpoint(size, rootHash, options.extensions) };
  return { origin, size, rootHash, vkey, publicKey };
}

/** The entries of a log with these options, however large it is, and the issuers that they name. */
export function entriesOf(options: LogOptions): EntryWriter & { readonly issuers: readonly Buffer[] } {
  const { format = "tiles", entrySize = 1000, seed = "tlog-migrate" } = options;
  if (format === "tiles") return { ...tilesEntries(seed, entrySize), issuers: [] };
  if (options.entrySize !== undefined) throw new Error("the size of Static CT entries cannot be chosen");
  return certificateEntries(seed);
}

export interface WrittenLog extends GeneratedLog {
  readonly bytes: number;
  readonly objects: number;
}

/** Writes a log as plain files below a directory, which it creates. A file that is there already is an error. */
export function writeLog(directory: string, options: LogOptions): WrittenLog {
  const log = generateLog(options);
  const made = new Set<string>();
  let bytes = 0;
  let objects = 0;
  let step = log.next();
  for (; step.done !== true; step = log.next()) {
    const object = step.value;
    const file = join(directory, object.path);
    const parent = dirname(file);
    if (!made.has(parent)) {
      mkdirSync(parent, { recursive: true, mode: 0o755 });
      made.add(parent);
    }
    writeFile(file, object.bytes);
    bytes += object.bytes.length;
    objects++;
  }
  return { ...step.value, bytes, objects };
}

/** The tiles above level 0, each kept only until it is full. */
class UpperLevels {
  readonly #levels: { index: number; width: number; hashes: Buffer }[] = [];

  /** Appends a hash to a level, and gives the tiles that become full by it, lowest first. */
  *append(level: number, value: Uint8Array): Generator<LogObject> {
    this.#levels[level] ??= { index: 0, width: 0, hashes: Buffer.alloc(FULL_WIDTH * HASH_SIZE) };
    const tile = this.#levels[level];
    tile.hashes.set(value, tile.width++ * HASH_SIZE);
    if (tile.width < FULL_WIDTH) return;
    const { index, width } = tile;
    yield { path: tilePath({ level, index, width }), bytes: tile.hashes };
    yield* this.append(level + 1, foldTile(tile.hashes));
    this.#levels[level] = { index: index + 1, width: 0, hashes: Buffer.alloc(FULL_WIDTH * HASH_SIZE) };
  }

  /** The tile at the right edge of a level, if it has one that is not full. */
  partialTile(level: number): LogObject | undefined {
    const tile = this.#levels[level];
    if (tile === undefined || tile.width === 0) return undefined;
    const { index, width, hashes } = tile;
    return { path: tilePath({ level, index, width }), bytes: hashes.subarray(0, width * HASH_SIZE) };
  }
}

function writeBundle(entries: EntryWriter, index: number, width: number, buffer: Buffer): Uint8Array {
  let end = 0;
  for (let i = 0; i < width; i++) end = entries.writeEntry(index * FULL_WIDTH + i, buffer, end);
  return buffer.subarray(0, end);
}

function writeFile(file: string, bytes: Uint8Array): void {
  const descriptor = openSync(file, "wx", 0o644);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
  } finally {
    closeSync(descriptor);
  }
}

/** "100", or "200-2000" for a range. */
function parseEntrySize(text: string): EntrySize {
  const [min, max] = text.split("-").map(Number);
  return max === undefined ? Number(text) : { min: Number(min), max };
}

function main(): void {
  const { values } = parseArgs({
    options: {
      entries: { type: "string" },
      "entry-size": { type: "string" },
      format: { type: "string", default: "tiles" },
      seed: { type: "string", default: "tlog-migrate" },
      origin: { type: "string" },
      gzip: { type: "boolean", default: false },
      out: { type: "string" },
    },
  });
  const { format, seed, origin, gzip, out } = values;
  const size = Number(values.entries);
  const entrySize = values["entry-size"];
  if (!Number.isSafeInteger(size) || size < 0 || out === undefined) {
    throw new Error("say how many --entries and where to write them with --out");
  }
  if (format !== "tiles" && format !== "static-ct") throw new Error("--format is tiles or static-ct");
  const written = writeLog(out, {
    size,
    format,
    seed,
    gzip,
    ...(entrySize === undefined ? {} : { entrySize: parseEntrySize(entrySize) }),
    ...(origin === undefined ? {} : { origin }),
  });
  console.log(JSON.stringify({ ...written, rootHash: formatHash(written.rootHash) }));
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) main();
