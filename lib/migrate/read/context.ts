/** What a thread uses to read a source: its connections, its retry policy, its counters. */

import type { LogFormat } from "../../tlog/layout.ts";
import { findPlace, openSource } from "../options/places.ts";
import type { BackendModules, SourceAccess, SourceRequest } from "../ports/backend.ts";
import type { LogSource } from "../ports/source.ts";
import type { Counters } from "../report/counters.ts";
import type { Notice } from "../report/notice.ts";
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
  /** Full tiles and bundles wholly below this index may be missing: the operator has declared the log pruned. Default 0. */
  readonly minIndex?: number | undefined;
  /** Nothing was read from this source before: if it is unreachable or the object missing, the address is wrong, and the read fails at once. */
  readonly firstContact?: boolean;
  /** The source is files of this machine (Backend.isLocal): no cache or proxy could answer differently the next time. */
  readonly isLocal?: boolean;
  /**
   * A partial object that does not authenticate is taken from the full one: a copy needs only its contents, but a
   * verification must report it.
   */
  readonly replacesBadPartials?: boolean | undefined;
  /** Receives the reason of each retry, as a sentence. */
  readonly notice?: Notice;
  /** Notified of every retried request. */
  readonly retried?: RetryObserver | undefined;
}

/** How a thread reads; plain data, so that it can be sent to a worker. */
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
  /** Requests a second of all threads together, and the memory with which they share the rate. */
  readonly rate: { readonly perSecond: number; readonly shared: SharedArrayBuffer } | undefined;
  /** The bound on requests in flight that all threads share. */
  readonly limit: LimitShare;
  readonly replacesBadPartials?: boolean;
}

/** Opens the source for a thread. */
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
    // The limit last: a request that has waited for the rate must not start during a pause.
    admit: rate ? () => rate.admit(signal).then(() => limiter.enter()) : () => limiter.enter(),
    outlook: limiter,
  };
  const { backend } = await findPlace(spec.source, "source", spec.modules);
  source = await openSource(spec.source, request, spec.format, spec.modules);
  const { retry, minIndex, replacesBadPartials } = spec;
  const isLocal = backend.isLocal === true;
  return { source, counters, retry, isLocal, replacesBadPartials, signal, minIndex, retried };
}
