/**
 * Google's cloud, emulated, for one run after another: the emulators of the interop tests, restarted each time, since
 * they keep in memory all that they are given.
 */

import { type CallCounts, GcpEmulators } from "../../test/support/go/gcp-emulators.ts";
import type { Bucket } from "../../test/support/go/tessera.ts";
import type { RunPlace } from "../run/contender.ts";
import { startDelayProxy } from "./delay-proxy.ts";

interface OpenCloud {
  readonly home: Bucket;
  readonly pids: readonly number[];
  close(): Promise<CallCounts>;
}

/** What is shown in the place of a bucket that does not exist yet. */
const NAMES: Bucket = {
  bucket: "$BUCKET",
  database: "$DATABASE",
  env: { STORAGE_EMULATOR_HOST: "$STORAGE", SPANNER_EMULATOR_HOST: "$SPANNER" },
};

export class BenchCloud implements RunPlace {
  readonly #roundTripMs: number | undefined;
  #open: OpenCloud | undefined;
  /** Of the last run that has ended. */
  lastCounts: CallCounts = {};

  /** @param roundTripMs how far away Cloud Storage is, by a proxy before it; undefined for no proxy. */
  constructor(roundTripMs?: number) {
    this.#roundTripMs = roundTripMs;
  }

  get pids(): readonly number[] {
    return this.#open?.pids ?? [];
  }

  /** A new bucket and a new database; names for them while there are none. */
  get home(): Bucket {
    return this.#open?.home ?? NAMES;
  }

  async open(): Promise<void> {
    await using started = new AsyncDisposableStack();
    const emulators = started.use(await GcpEmulators.start());
    const home = await emulators.newHome();
    let open: OpenCloud = { home, pids: [emulators.pid], close: () => emulators.stop() };
    if (this.#roundTripMs !== undefined) {
      const upstreamPort = Number(new URL(emulators.storageUrl).port);
      const proxy = await startDelayProxy({ upstreamPort, roundTripMs: this.#roundTripMs });
      const env = { ...home.env, STORAGE_EMULATOR_HOST: `http://127.0.0.1:${proxy.port}` };
      const close = async () => {
        await proxy.close();
        return await emulators.stop();
      };
      open = { home: { ...home, env }, pids: [emulators.pid, proxy.pid], close };
    }
    // From here on they live until `close`.
    started.move();
    this.#open = open;
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) this.lastCounts = await open.close();
  }
}
