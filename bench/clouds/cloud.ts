/**
 * A cloud of one run after another, emulated: an object store, and a store for the private state of a log. They are
 * those of the interop tests, restarted each time, since they keep in memory all that they are given.
 */

import type { Home } from "../../test/support/go/homes.ts";
import type { RunPlace } from "../run/contender.ts";
import { startDelayProxy } from "../servers/delay-proxy.ts";

/** A new bucket and a new database. */
export interface CloudHome {
  readonly bucket: string;
  /** The bucket's address, and the options that name the database, as the program takes them. */
  readonly target: string;
  readonly stateOptions: readonly string[];
  /** Arguments by which Tessera's own migration finds both. */
  readonly tesseraOptions: readonly string[];
  /** Variables by which programs find the cloud. */
  readonly env: Readonly<Record<string, string>>;
  /** The same as the programs that drive Tessera's Appender take it. */
  readonly logHome: Home;
}

/** How often it was called, by kind of call. */
export type CallCounts = Readonly<Record<string, number>>;

export interface RunningCloud {
  /** @param storeOrigin where the object store is to be found. */
  homeBehind(storeOrigin: string): CloudHome;
  /** Where the object store is. */
  readonly storePort: number;
  /** Where the objects of the bucket are files, by their names; left out where they are not. */
  readonly objectsDirectory?: string;
  /** Processes whose CPU time is reported. */
  readonly pids: readonly number[];
  stop(): Promise<CallCounts>;
}

export interface CloudKind {
  /** What is shown in the place of a home that does not exist yet. */
  readonly names: CloudHome;
  start(): Promise<RunningCloud>;
}

interface OpenCloud {
  readonly home: CloudHome;
  readonly objectsDirectory: string | undefined;
  readonly pids: readonly number[];
  close(): Promise<CallCounts>;
}

export class BenchCloud implements RunPlace {
  readonly #kind: CloudKind;
  readonly #roundTripMs: number | undefined;
  #open: OpenCloud | undefined;
  /** Of the last run that has ended. */
  lastCounts: CallCounts = {};

  /** @param roundTripMs how far away the object store is, by a proxy before it; undefined for no proxy. */
  constructor(kind: CloudKind, roundTripMs?: number) {
    this.#kind = kind;
    this.#roundTripMs = roundTripMs;
  }

  get pids(): readonly number[] {
    return this.#open?.pids ?? [];
  }

  /** A new bucket and a new database; names for them while there are none. */
  get home(): CloudHome {
    return this.#open?.home ?? this.#kind.names;
  }

  get objectsDirectory(): string | undefined {
    return this.#open?.objectsDirectory;
  }

  async open(): Promise<void> {
    const cloud = await this.#kind.start();
    const { objectsDirectory, storePort: upstreamPort } = cloud;
    const roundTripMs = this.#roundTripMs;
    if (roundTripMs === undefined) {
      const home = cloud.homeBehind(originAt(upstreamPort));
      this.#open = { home, objectsDirectory, pids: cloud.pids, close: () => cloud.stop() };
      return;
    }
    const proxy = await startDelayProxy({ upstreamPort, roundTripMs }).catch(async (error: unknown) => {
      await cloud.stop();
      throw error;
    });
    this.#open = {
      home: cloud.homeBehind(originAt(proxy.port)),
      objectsDirectory,
      pids: [...cloud.pids, proxy.pid],
      async close() {
        await proxy.close();
        return await cloud.stop();
      },
    };
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) this.lastCounts = await open.close();
  }

  /** How often it was called in the last run, in words. */
  get lastCalls(): string {
    const counts = Object.entries(this.lastCounts).toSorted(([, a], [, b]) => b - a);
    return counts.map(([kind, count]) => `${count.toLocaleString("en")} ${kind}`).join(", ") || "none";
  }
}

function originAt(port: number): string {
  return `http://127.0.0.1:${port}`;
}
