/** The counters of a run as Prometheus metrics. */

import { Counter, Gauge, Registry } from "prom-client";
import { type Counters, LATENCY_BUCKETS, type Progress, type ProgressSnapshot } from "../../lib/index.ts";

const PREFIX = "tlog_migrate_";

type CounterName = Parameters<Counters["get"]>[0];

const COUNTERS: readonly (readonly [name: string, help: string, counted: CounterName])[] = [
  ["entries_total", "Entries copied or verified by this run", "entries"],
  ["resumed_entries_total", "Entries found in place from earlier runs", "resumedEntries"],
  ["stored_bytes_total", "Bytes written into the target", "bytesStored"],
  ["received_bytes_total", "Bytes of response bodies as they came over the wire", "bytesReceived"],
  ["retries_total", "Reads that were tried again", "retries"],
  [
    "throttles_total",
    "Times that the limit on requests in flight was made smaller, since the source refused some (429, 503)",
    "throttles",
  ],
  ["replaced_objects_total", "Objects found with wrong bytes and replaced", "replacedObjects"],
  [
    "reencoded_entries_total",
    "Static CT entries that differ from what was submitted as re-encoding explains",
    "reencodedEntries",
  ],
  [
    "unchecked_entries_total",
    "Static CT entries not checked beyond their leaf hash, since an issuer is missing",
    "uncheckedEntries",
  ],
];

const GAUGES: readonly (readonly [
  name: string,
  help: string,
  value: (snapshot: ProgressSnapshot) => number,
])[] = [
  ["requests_in_flight", "Requests under way", ({ counters }) => counters.get("inFlight")],
  [
    "request_window",
    "Requests that may be in flight to the source, 0 before there is one",
    ({ requestLimit }) => requestLimit,
  ],
  ["tree_size", "Entries of the tree aimed at, 0 while unknown", ({ size }) => size],
  ["entries_done", "Entries of that tree that are done", ({ entriesDone }) => entriesDone],
];

/** Metrics of one run, in a registry of their own. */
export class RunMetrics {
  readonly #progress: Progress;
  readonly #registry = new Registry();

  constructor(progress: Progress) {
    this.#progress = progress;
    for (const [name, help, counted] of COUNTERS) {
      new Counter({
        ...this.#described(name, help),
        collect() {
          this.reset();
          this.inc(progress.total().get(counted));
        },
      });
    }
    for (const [name, help, value] of GAUGES) {
      new Gauge({
        ...this.#described(name, help),
        collect() {
          this.set(value(progress.snapshot()));
        },
      });
    }
    new Counter({
      ...this.#described(
        "requests_total",
        "Requests that ended, by HTTP status; none where there was no response",
      ),
      labelNames: ["status"],
      collect() {
        this.reset();
        for (const [status, count] of progress.total().requestsByStatus()) {
          this.inc({ status: status === 0 ? "none" : `${status}` }, count);
        }
      },
    });
    new Gauge({
      ...this.#described("phase", "What the run is doing: 1 for the phase it is in"),
      labelNames: ["phase"],
      collect() {
        this.reset();
        this.set({ phase: progress.phase }, 1);
      },
    });
  }

  /** The metrics as they are now, in the Prometheus text format; with those of other registries after them. */
  async text(...others: readonly Registry[]): Promise<string> {
    const texts = [this.#registry, ...others].map((registry) => registry.metrics());
    return [durationsText(this.#progress.total().latencies()), ...(await Promise.all(texts))].join("\n");
  }

  /** Adds how the run ended. */
  ended(exitCode: number): void {
    const finished = "When the run ended, in seconds since the Unix epoch";
    new Gauge(this.#described("exit_code", "Exit code of the run that ended")).set(exitCode);
    new Gauge(this.#described("finish_timestamp_seconds", finished)).set(Date.now() / 1000);
  }

  #described(name: string, help: string) {
    return { name: PREFIX + name, help, registers: [this.#registry] };
  }
}

/** Written here, since prom-client's histogram takes single observations, and these are counted already. */
function durationsText({ counts, sumSeconds }: ReturnType<Counters["latencies"]>): string {
  const name = `${PREFIX}request_duration_seconds`;
  let cumulated = 0;
  const buckets = [...LATENCY_BUCKETS, "+Inf"].map((bound, index) => {
    cumulated += counts[index] ?? 0;
    return `${name}_bucket{le="${bound}"} ${cumulated}\n`;
  });
  return [
    `# HELP ${name} Seconds from sending a request to the end of its response\n# TYPE ${name} histogram\n`,
    ...buckets,
    `${name}_sum ${sumSeconds}\n${name}_count ${cumulated}\n`,
  ].join("");
}
