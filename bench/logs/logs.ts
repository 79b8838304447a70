/** The logs that are measured: each generated once, and kept until a later one needs the space. */

import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LogFormat } from "../../lib/index.ts";
import { measure } from "../run/measure.ts";
import { freeSpaceIn, type Place, requireSpace } from "../run/places.ts";
import { type Command, shellWords } from "../shell.ts";
import { type LogShape, shapeId, sourceBytes } from "./shapes.ts";

/** A log on disk, or rather in memory. */
export interface BenchLog {
  readonly directory: string;
  readonly format: LogFormat;
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

/** Makes logs below one directory. */
export class LogStore {
  readonly #place: Place;
  readonly #logs = new Map<string, BenchLog>();

  constructor(place: Place) {
    this.#place = place;
  }

  /**
   * Logs of these shapes, all at once. Removes others if it must.
   * @param space bytes that must be left in the same place, for a copy.
   * @throws SkipError
   */
  async get(shapes: readonly LogShape[], space = 0): Promise<BenchLog[]> {
    const missing = shapes.filter((shape) => !this.#logs.has(nameOf(shape)));
    const needed = missing.reduce((sum, shape) => sum + sourceBytes(shape), space);
    const others = [...this.#logs.keys()].filter((name) => !shapes.some((shape) => nameOf(shape) === name));
    for (const name of others) if (freeSpaceIn(this.#place) < needed) this.#remove(name);
    requireSpace(this.#place, needed, "--scratch");
    const logs: BenchLog[] = [];
    for (const shape of shapes) {
      const name = nameOf(shape);
      const log = this.#logs.get(name) ?? (await this.#generate(name, shape));
      this.#logs.set(name, log);
      logs.push(log);
    }
    return logs;
  }

  #remove(name: string): void {
    rmSync(this.#logs.get(name)?.directory ?? "", { recursive: true });
    this.#logs.delete(name);
  }

  async #generate(name: string, shape: LogShape): Promise<BenchLog> {
    const directory = join(this.#place.directory, `log-${name}`);
    const { stdout } = await measure(generator(shape, directory));
    const { size, vkey, bytes } = JSON.parse(stdout) as Pick<BenchLog, "size" | "vkey" | "bytes">;
    const paths = filesBelow(directory);
    const pathList = `${directory}.paths`;
    writeFileSync(pathList, `${paths.join("\n")}\n`);
    const made = shellWords(generator(shape, "$LOG"));
    return { format: shape.format, directory, size, vkey, bytes, paths, pathList, made };
  }
}

function nameOf(shape: LogShape): string {
  return `${shapeId(shape)}-${shape.entries}`;
}

function generator({ format, entries, entrySize }: LogShape, out: string): Command {
  const kind = format === "static-ct" ? ["--gzip"] : ["--entry-size", String(entrySize)];
  const flags = ["--entries", String(entries), "--format", format, ...kind, "--seed", "bench"];
  return { file: process.execPath, args: [GENERATOR, ...flags, "--out", out] };
}

/** Paths of all files below a directory, relative to it. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}
