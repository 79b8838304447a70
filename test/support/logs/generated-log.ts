/** Whole logs in memory, small enough to make a new one for every test. */

import type { LogFormat } from "../../../lib/tlog/layout.ts";
import { entriesOf, generateLog, type LogOptions } from "../../logs/generate.ts";

/** Options of a log in memory; `entrySize` is 100 unless told, and counts for "tiles" alone. */
export type TestLogOptions = LogOptions;

export interface TestLog {
  readonly format: LogFormat;
  readonly origin: string;
  readonly size: number;
  readonly rootHash: Uint8Array;
  readonly vkey: string;
  readonly publicKey: string | undefined;
  /** Every object by its path, checkpoint included. Each test owns its map and may spoil it. */
  readonly objects: Map<string, Buffer>;
  /** Entry `index` as it stands in its bundle. */
  entry(index: number): Buffer;
  /** What the leaf hash of entry `index` covers. */
  leaf(index: number): Buffer;
  /** The object at a path, which must be there. */
  object(path: string): Buffer;
  /** The same log (seed, keys, entries) at another size. */
  atSize(size: number): TestLog;
}

/** A log of `size` entries. Logs of the same seed and format have the same entries, so one can grow. */
export function testLog(options: TestLogOptions): TestLog {
  const { format = "tiles" } = options;
  const logOptions: LogOptions = format === "tiles" ? { entrySize: 100, ...options } : options;
  const objects = new Map<string, Buffer>();
  const steps = generateLog(logOptions);
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) objects.set(step.value.path, Buffer.from(step.value.bytes));
  const entries = entriesOf(logOptions);
  const entry = (index: number): Buffer => {
    const buffer = Buffer.alloc(entries.maxEntrySize);
    return buffer.subarray(0, entries.writeEntry(index, buffer, 0));
  };
  return {
    ...step.value,
    format,
    objects,
    entry,
    leaf: (index) => (format === "tiles" ? entry(index).subarray(2) : staticCtLeaf(entry(index))),
    object(path) {
      const bytes = objects.get(path);
      if (bytes === undefined) throw new Error(`the log has no ${path}`);
      return bytes;
    },
    atSize: (size) => testLog({ ...options, size }),
  };
}

/** MerkleTreeLeaf (RFC 6962 section 3.4) of an entry of a data tile. */
function staticCtLeaf(entry: Buffer): Buffer {
  const isPrecertificate = entry.readUInt16BE(8) === 1;
  const certificate = 10 + (isPrecertificate ? 32 : 0);
  const extensions = certificate + 3 + entry.readUIntBE(certificate, 3);
  const end = extensions + 2 + entry.readUInt16BE(extensions);
  return Buffer.concat([Buffer.of(0, 0), entry.subarray(0, end)]);
}
