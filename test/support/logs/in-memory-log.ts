/** Logs and targets in memory, for parts of the engine that are tested without network or disk. */

import type { HashTree } from "../../../lib/migrate/ports/source.ts";
import type { TargetWriter } from "../../../lib/migrate/ports/target.ts";
import { openTree } from "../../../lib/migrate/read/authentic.ts";
import type { ReadContext } from "../../../lib/migrate/read/context.ts";
import { tiledLog } from "../../../lib/migrate/read/tiled-log.ts";
import { Counters } from "../../../lib/migrate/report/counters.ts";
import type { LogFormat } from "../../../lib/tlog/layout.ts";
import { FAST_RETRY } from "../migration.ts";
import type { TestLog } from "./generated-log.ts";

export function memoryContext(
  objects: ReadonlyMap<string, Uint8Array>,
  format: LogFormat = "tiles",
  overrides: Partial<ReadContext> = {},
): ReadContext {
  const source = tiledLog(
    {
      location: "memory",
      locate: (path) => `memory/${path}`,
      read: async (path) => objects.get(path),
      close: async () => {},
    },
    format,
  );
  const signal = new AbortController().signal;
  return { source, counters: new Counters(), retry: FAST_RETRY, signal, ...overrides };
}

export function memoryTree(log: TestLog): Promise<HashTree> {
  return openTree(memoryContext(log.objects, log.format), log);
}

/** A target in memory that notes what becomes of its objects. */
export class MemoryWriter implements TargetWriter {
  readonly objects = new Map<string, Uint8Array>();
  /** Paths that were made durable as they were found. */
  readonly kept: string[] = [];
  /** What the next commits fail with. */
  failure: Error | undefined;

  async read(path: string): Promise<Uint8Array | undefined> {
    return this.objects.get(path);
  }

  batch() {
    const staged = new Map<string, Uint8Array>();
    return {
      put: (path: string, bytes: Uint8Array) => void staged.set(path, Uint8Array.from(bytes)),
      keep: async (path: string) => void this.kept.push(path),
      commit: async () => {
        if (this.failure !== undefined) throw this.failure;
        for (const [path, bytes] of staged) this.objects.set(path, bytes);
      },
      abandon: async () => staged.clear(),
    };
  }

  async close(): Promise<void> {}
}
