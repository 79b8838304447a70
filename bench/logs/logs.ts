/** The logs that are measured: each generated once, and kept until a later one needs the room. */

import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LogFormat } from "../../lib/tlog/layout.ts";
import { shellWords } from "../run/contender.ts";
import { type Command, measure } from "../run/measure.ts";
import { type Place, requireRoom, roomIn } from "../run/places.ts";
import { type LogShape, shapeId, sourceBytes } from "./shapes.ts";

/** A log on disk, or rather in memory. */
export interface BenchLog {
  readonly shape: LogShape;
  readonly directory: string;
  readonly format: LogFormat;
  readonly origin: string;
  readonly size: number;
  readonly vkey: string;
  /** Bytes of all its objects, as they are stored. */
  readonly bytes: number;
  /** Paths of all its objects, in their order. */
  readonly paths: readonly string[];
  /** A file that has the same paths, a line each. */
  readonly pathList: string;
  /** What made it, in a shell's words. */
  readonly made: string;
}

const GENERATOR = fileURLToPath(new URL("../../test/logs/generate.ts", import.meta.url));
const SEED = "bench";

/** Makes logs below one directory. */
export class LogStore {
  readonly #place: Place;
  readonly #signal: AbortSignal;
  /** The least recently used first. */
  readonly #logs = new Map<string, BenchLog>();

  constructor(place: Place, signal: AbortSignal) {
    this.#place = place;
    this.#signal = signal;
  }

  /**
   * A log of this shape. Removes others if it must.
   * @param room bytes that must be left in the same place, for a copy.
   * @throws NoRoom
   */
  async get(shape: LogShape, room = 0): Promise<BenchLog> {
    const [log] = await this.getAll([shape], room);
    return log as BenchLog;
  }

  /** Logs of these shapes, side by side; else as `get`. */
  async getAll(shapes: readonly LogShape[], room = 0): Promise<BenchLog[]> {
    const names = shapes.map(nameOf);
    const missing = shapes.filter((shape) => !this.#logs.has(nameOf(shape)));
    this.#makeRoom(
      missing.reduce((sum, shape) => sum + sourceBytes(shape), room),
      new Set(names),
    );
    const logs: BenchLog[] = [];
    for (const shape of shapes) {
      const name = nameOf(shape);
      const log = this.#logs.get(name) ?? (await this.#generate(name, shape));
      this.#logs.delete(name);
      this.#logs.set(name, log);
      logs.push(log);
    }
    return logs;
  }

  #makeRoom(needed: number, wanted: ReadonlySet<string>): void {
    for (const [name, { directory }] of this.#logs) {
      if (roomIn(this.#place) >= needed) return;
      if (wanted.has(name)) continue;
      rmSync(directory, { recursive: true });
      this.#logs.delete(name);
    }
    requireRoom(this.#place, needed, "--scratch");
  }

  async #generate(name: string, shape: LogShape): Promise<BenchLog> {
    const directory = join(this.#place.directory, `log-${name}`);
    const { stdout } = await measure(generator(shape, directory), { signal: this.#signal });
    const { origin, size, vkey, bytes } = JSON.parse(stdout) as Pick<
      BenchLog,
      "origin" | "size" | "vkey" | "bytes"
    >;
    const paths = filesBelow(directory);
    const made = shellWords(generator(shape, "$LOG"));
    const pathList = `${directory}.paths`;
    writeFileSync(pathList, `${paths.join("\n")}\n`);
    return { shape, format: shape.format, directory, origin, size, vkey, bytes, paths, pathList, made };
  }
}

function nameOf(shape: LogShape): string {
  return `${shapeId(shape)}-${shape.entries}`;
}

function generator({ format, entries, entrySize }: LogShape, out: string): Command {
  const kind = format === "static-ct" ? ["--gzip"] : ["--entry-size", entrySize];
  const flags = ["--entries", String(entries), "--format", format, ...kind, "--seed", SEED];
  return { file: process.execPath, args: [GENERATOR, ...flags, "--out", out] };
}

/** Paths of all files below a directory, relative to it. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}
