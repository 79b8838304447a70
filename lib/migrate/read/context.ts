/** What a thread reads a source with: its connections, its retry policy, what it counts. */

import type { LogFormat } from "../../tlog/layout.ts";
import type { Counters } from "../counters.ts";
import type { Notice } from "../notice.ts";
import { findPlace, openSource } from "../places.ts";
import type { BackendModules, SourceAccess, SourceRequest } from "../ports/backend.ts";
import type { LogSource } from "../ports/source.ts";
import type { RetryObserver, RetryPolicy } from "../throttle/backoff.ts";
import { ConcurrencyLimiter } from "../throttle/limiter.ts";
import { RateLimiter } from "../throttle/rate-limiter.ts";
import { type LimitShare, SharedLimit } from "../throttle/shared-limit.ts";

/** What every read needs besides the object. */
export interface ReadContext {
  readonly source: LogSource;
  readonly counters: Counters;
  readonly retry: RetryPolicy;
  readonly signal: AbortSignal;
  /** Full tiles and bundles wholly below it may be missing: the operator says that the log is pruned. Default 0. */
  readonly minIndex?: number | undefined;
  /** Nothing was read from this source before: what is unreachable or missing is a wrong address, and fails at once. */
  readonly firstContact?: boolean;
  /** The source is files of this machine (Backend.isLocal): nothing is in between that could answer differently. */
  readonly isLocal?: boolean;
  /**
   * A partial object that does not authenticate is taken from the full one: a copy needs what is in it, where a
   * verification reports that it is wrong.
   */
  readonly replacesBadPartials?: boolean | undefined;
  /** Notified of why an object has to be read again, a sentence each. */
  readonly notice?: Notice;
  /** Notified of every request that is tried again. */
  readonly retried?: RetryObserver | undefined;
}

/** How a thread is to read; plain data, so that it can be sent to a worker. */
export interface ReadSpec {
  readonly source: string;
  readonly modules: BackendModules;
  readonly access: SourceAccess;
  readonly format: LogFormat;
  /** Requests in flight in this thread. */
  readonly concurrency: number;
  readonly retry: RetryPolicy;
  /** As in `ReadContext`. */
  readonly minIndex?: number | undefined;
  /** Requests a second over all threads, and the memory by which they share the rate. */
  readonly rate: { readonly perSecond: number; readonly shared: SharedArrayBuffer } | undefined;
  /** The bound on requests in flight that all threads share. */
  readonly limit: LimitShare;
  readonly replacesBadPartials?: boolean;
}

/** Opens what a thread reads from. */
export async function openReadContext(
  spec: ReadSpec,
  counters: Counters,
  signal: AbortSignal,
  retried?: RetryObserver,
  notice?: Notice,
): Promise<ReadContext> {
  const rate = spec.rate && new RateLimiter(spec.rate.perSecond, spec.rate.shared);
  let source: LogSource | undefined;
  const closeIdle = (): void => source?.closeIdle?.();
  const limiter = new ConcurrencyLimiter(new SharedLimit(spec.limit), spec.concurrency, signal, closeIdle);
  const request: SourceRequest = {
    access: spec.access,
    connections: spec.concurrency,
    notice,
    observer: {
      started: () => counters.requestStarted(),
      answered(...answer) {
        if (limiter.answered(...answer)) counters.add("throttles", 1);
      },
      connected: (milliseconds) => limiter.connected(milliseconds),
      disconnected: () => limiter.disconnected(),
      turnedAway(milliseconds) {
        if (limiter.turnedAway(milliseconds)) counters.add("throttles", 1);
      },
      released: (status) => limiter.leave(status),
      ended: (status, milliseconds, bytes) => counters.requestEnded(status, milliseconds, bytes),
    },
    // The limit last: what has waited for its turn in the rate must not start during a pause.
    admit: rate ? () => rate.admit(signal).then(() => limiter.enter()) : () => limiter.enter(),
    outlook: limiter,
  };
  const { backend } = await findPlace(spec.source, "source", spec.modules);
  source = await openSource(spec.source, request, spec.format, spec.modules);
  const { retry, minIndex, replacesBadPartials } = spec;
  const isLocal = backend.isLocal === true;
  return { source, counters, retry, isLocal, replacesBadPartials, signal, minIndex, retried };
}
