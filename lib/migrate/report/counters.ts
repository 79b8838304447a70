/** The counters of a run. Each thread writes its own in shared memory, and the main thread adds them up at any time. */

/** The plain counters, in the order of their places in memory. */
const NAMES = [
  /** Entries that are in the target and authenticated: copied, or found there. */
  "entries",
  /** Of these, entries that an earlier run had copied. */
  "resumedEntries",
  /** Of these, entries below seals of earlier runs, which were not read. */
  "sealedEntries",
  /** Entries that are missing in a pruned log. */
  "prunedEntries",
  /** Bytes written into the target. */
  "bytesStored",
  /** Bytes of response bodies as received, compressed or not. */
  "bytesReceived",
  "requests",
  "retries",
  /** How often the limit on requests in flight was reduced. */
  "throttles",
  "inFlight",
  /** Objects that currently wait for memory (--budget). */
  "memoryWaits",
  /** Objects listed in the target, or in the log that is verified. */
  "listedObjects",
  /** Objects in the target that had wrong bytes and were replaced. */
  "replacedObjects",
  /** Static CT entries whose extra data was checked. */
  "deepEntries",
  /** Static CT entries whose precertificate differs from the logged certificate only by re-encoding. */
  "reencodedEntries",
  /** Static CT entries that could not be checked because an issuer is missing. */
  "uncheckedEntries",
  /** Answers of the source that did not authenticate, and were not used. */
  "rejectedObjects",
] as const;

export type CounterName = (typeof NAMES)[number];

/** Upper bounds of the latency histogram's buckets, in seconds; an additional bucket has all slower requests. */
export const LATENCY_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;

const MAX_STATUS = 600;
const STATUS_AT = NAMES.length;
const LATENCY_AT = STATUS_AT + MAX_STATUS;
const LATENCY_SUM_AT = LATENCY_AT + LATENCY_BUCKETS.length + 1;
const WORDS = LATENCY_SUM_AT + 1;

/** Counters of one thread. */
export class Counters {
  readonly #words: Float64Array<SharedArrayBuffer>;

  constructor(shared = new SharedArrayBuffer(WORDS * Float64Array.BYTES_PER_ELEMENT)) {
    this.#words = new Float64Array(shared);
  }

  /** The shared memory through which another thread reads or writes the same counters. */
  share(): SharedArrayBuffer {
    return this.#words.buffer;
  }

  add(name: CounterName, amount: number): void {
    this.#increase(NAMES.indexOf(name), amount);
  }

  requestStarted(): void {
    this.add("inFlight", 1);
  }

  /** @param status the HTTP status, 0 where there was no response. */
  requestEnded(status: number, milliseconds: number, bytesReceived: number): void {
    this.add("inFlight", -1);
    this.add("requests", 1);
    this.add("bytesReceived", bytesReceived);
    this.#increase(STATUS_AT + (status < MAX_STATUS ? status : 0), 1);
    const seconds = milliseconds / 1000;
    const bucket = LATENCY_BUCKETS.findIndex((bound) => seconds <= bound);
    this.#increase(LATENCY_AT + (bucket === -1 ? LATENCY_BUCKETS.length : bucket), 1);
    this.#increase(LATENCY_SUM_AT, seconds);
  }

  get(name: CounterName): number {
    return this.#word(NAMES.indexOf(name));
  }

  /** Finished requests by HTTP status; 0 without a response. Only statuses that occurred. */
  requestsByStatus(): Map<number, number> {
    const counts = this.#words.subarray(STATUS_AT, LATENCY_AT);
    return new Map([...counts.entries()].filter(([, count]) => count > 0));
  }

  /** Requests by latency: one count per bucket of LATENCY_BUCKETS (not cumulative) and one for slower requests. */
  latencies(): { counts: number[]; sumSeconds: number } {
    const counts = Array.from(this.#words.subarray(LATENCY_AT, LATENCY_SUM_AT));
    return { counts, sumSeconds: this.#word(LATENCY_SUM_AT) };
  }

  /** Adds up the counters of several threads. */
  static total(all: readonly Counters[]): Counters {
    const total = new Counters();
    for (const counters of all) total.addAll(counters);
    return total;
  }

  /** Adds what another thread has counted, which counts no more. */
  addAll(counters: Counters): void {
    for (let word = 0; word < WORDS; word++) this.#increase(word, counters.#word(word));
  }

  #word(word: number): number {
    return this.#words[word] as number;
  }

  #increase(word: number, amount: number): void {
    this.#words[word] = this.#word(word) + amount;
  }
}
