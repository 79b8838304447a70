/**
 * Ends waiting work when a signal fires. All the work of a thread that waits under one signal shares one listener:
 * thousands of requests run under one signal, and a listener for each was measured to cost up to a fifth of the
 * throughput of small objects.
 */

/** Work that can be ended before its time. */
export interface Abortable {
  abort(reason: unknown): void;
}

/**
 * What waits under one signal. The slots of a plain array are reused; a Set, which rebuilds its table with every few
 * changes, was measured to keep what it once held alive in its discarded tables.
 */
interface Waiting {
  readonly slots: (Abortable | undefined)[];
  count: number;
  readonly abort: () => void;
}

/** Keeps nothing of a signal under which nothing waits. */
const watched = new Map<AbortSignal, Waiting>();

/** Aborts `work` when `signal` fires, which it has not yet, until it is removed. */
export function addAbortable(signal: AbortSignal, work: Abortable): void {
  const waiting = watched.get(signal) ?? listen(signal);
  const free = waiting.slots.indexOf(undefined);
  waiting.slots[free === -1 ? waiting.slots.length : free] = work;
  waiting.count++;
}

export function removeAbortable(signal: AbortSignal, work: Abortable): void {
  const waiting = watched.get(signal);
  const slot = waiting?.slots.indexOf(work) ?? -1;
  if (waiting === undefined || slot === -1) return;
  waiting.slots[slot] = undefined;
  if (--waiting.count > 0) return;
  signal.removeEventListener("abort", waiting.abort);
  watched.delete(signal);
}

/** Settles as `promise` does, or rejects as soon as the signal fires, whatever becomes of `promise`. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  const { promise: outcome, resolve, reject } = Promise.withResolvers<T>();
  const work = { abort: reject };
  addAbortable(signal, work);
  promise.then(resolve, reject);
  try {
    return await outcome;
  } finally {
    removeAbortable(signal, work);
  }
}

function listen(signal: AbortSignal): Waiting {
  const slots: Waiting["slots"] = [];
  const abort = (): void => {
    for (const work of [...slots]) work?.abort(signal.reason);
  };
  const waiting = { slots, count: 0, abort };
  watched.set(signal, waiting);
  signal.addEventListener("abort", abort);
  return waiting;
}
