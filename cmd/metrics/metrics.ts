/** The counters of a run as Prometheus metrics. */

import { Counter, Gauge, Histogram, type HistogramConfiguration, Registry } from "prom-client";
import {
  type Counters,
  hasherName,
  LATENCY_BUCKETS,
  type Progress,
  type ProgressSnapshot,
  secondsSince,
} from "../../lib/index.ts";
import { VERSION } from "../version.ts";

const PREFIX = "tlog_migrate_";

type MetricClass = typeof Counter<string> | typeof Gauge<string>;

/** A counter if its name ends with `_total`, as Prometheus asks, or else a gauge. */
type Metric = readonly [
  name: string,
  help: string,
  /** A plain counter, or what a snapshot has: a value, or one for each value of the label; undefined: no sample. */
  value:
    | Parameters<Counters["get"]>[0]
    | ((snapshot: ProgressSnapshot) => number | Record<string, number> | undefined),
  label?: string,
];

const METRICS: readonly Metric[] = [
  ["entries_total", "Entries copied or verified by this run", "entries"],
  ["resumed_entries_total", "Entries found in place from earlier runs", "resumedEntries"],
  ["pruned_entries_total", "Entries that a pruned log lacks", "prunedEntries"],
  ["stored_bytes_total", "Bytes written into the target", "bytesStored"],
  ["received_bytes_total", "Bytes of response bodies as they came over the wire", "bytesReceived"],
  ["retries_total", "Reads that were tried again", "retries"],
  [
    "throttles_total",
    "Times that the limit on requests in flight was made smaller, since the source refused some (429, 503)",
    "throttles",
  ],
  ["rejected_objects_total", "Answers of the source that did not authenticate", "rejectedObjects"],
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
  [
    "requests_total",
    "Requests that ended, by HTTP status; none where there was no response",
    ({ counters }) =>
      Object.fromEntries([...counters.requestsByStatus()].map(([status, n]) => [status || "none", n])),
    "status",
  ],
  ["requests_in_flight", "Requests under way", "inFlight"],
  [
    "request_window",
    "Requests that may be in flight to the source, 0 before there is one",
    ({ requestLimit }) => requestLimit,
  ],
  ["tree_size", "Entries of the tree aimed at, 0 while unknown", ({ size }) => size],
  ["entries_done", "Entries of that tree that are done", ({ entriesDone }) => entriesDone],
  ["handed_over", "Whether the target is handed over", ({ isHandedOver }) => Number(isHandedOver)],
  [
    "collected_timestamp_seconds",
    "When these metrics were collected, in seconds since the Unix epoch",
    () => Date.now() / 1000,
  ],
  // Of follow alone.
  ["source_size", "Entries of the newest checkpoint of the source", ({ following }) => following?.newest],
  ["copied_size", "Entries of the tree that the target has", ({ following }) => following?.copied],
  ["lag_entries", "Entries that follow has seen and not copied yet", ({ lag }) => lag?.entries],
  ["lag_seconds", "Seconds since follow first lacked some of them, 0 if none", ({ lag }) => lag?.seconds],
  [
    "caught_up_timestamp_seconds",
    "When the target last had all that the source had, in seconds since the Unix epoch",
    ({ following }) => following?.caughtUpAt && following.caughtUpAt / 1000,
  ],
  [
    "unavailable_seconds",
    "Seconds since the source or the target became unavailable, 0 if neither is",
    ({ following }) => following && secondsSince(following.unavailableSince),
  ],
  [
    "stale_checkpoint_seconds",
    "Seconds since the source first showed an older checkpoint than before, 0 if it does not",
    ({ following }) => following && secondsSince(following.staleSince),
  ],
  [
    "cutover_pending",
    "Whether a cutover is accepted and not done yet",
    ({ following }) => following && Number(following.isCutoverPending),
  ],
  ["phase", "What the run is doing: 1 for the phase it is in", ({ phase }) => ({ [phase]: 1 }), "phase"],
];

/** What is run on which place: the target of a copy, the log of a verification. */
export interface RunName {
  readonly command: string;
  readonly place: string;
}

/**
 * All metrics of a run have its name and the log's origin as labels: node_exporter refuses the files of two runs on one
 * host that have the same series.
 */
export class RunMetrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();
  readonly #progress: Progress;
  readonly #run: RunName;

  constructor(progress: Progress, run: RunName) {
    this.#progress = progress;
    this.#run = run;
    const build = { version: VERSION, node: process.versions.node, hasher: hasherName() };
    const labelNames = Object.keys(build);
    new Gauge({ ...this.#described("build_info", "What runs: 1"), labelNames }).set(build, 1);
    const durations = "Seconds from sending a request to the end of its response";
    new Durations(progress, this.#described("request_duration_seconds", durations));
    for (const [name, help, value, label = ""] of METRICS) {
      const Kind: MetricClass = name.endsWith("_total") ? Counter : Gauge;
      new Kind({
        ...this.#described(name, help),
        labelNames: label === "" ? [] : [label],
        collect() {
          const snapshot = progress.snapshot();
          const found = typeof value === "string" ? snapshot.counters.get(value) : value(snapshot);
          this.reset();
          if (found === undefined) this.remove({});
          else if (typeof found === "number") this.inc(found);
          else for (const [text, each] of Object.entries(found)) this.inc({ [label]: text }, each);
        },
      });
    }
  }

  /** The metrics as they are now, in the Prometheus text format. */
  async text(): Promise<string> {
    // The origin is known once the checkpoint is.
    const { command, place } = this.#run;
    this.#registry.setDefaultLabels({ log: this.#progress.origin ?? "", command, place });
    return await this.#registry.metrics();
  }

  ended(exitCode: number): void {
    const finished = "When the run ended, in seconds since the Unix epoch";
    new Gauge(this.#described("exit_code", "Exit code of the run that ended")).set(exitCode);
    new Gauge(this.#described("finish_timestamp_seconds", finished)).set(Date.now() / 1000);
  }

  #described(name: string, help: string) {
    return { name: PREFIX + name, help, registers: [this.#registry] };
  }
}

/** A histogram of what is counted already, where prom-client's own takes single observations. */
class Durations extends Histogram {
  readonly #progress: Progress;
  readonly #description: HistogramConfiguration<string>;

  constructor(progress: Progress, description: HistogramConfiguration<string>) {
    super(description);
    this.#progress = progress;
    this.#description = description;
  }

  /** What prom-client's registry prints, and its `get` is made of. Its types leave it out. */
  async getForPromString() {
    const { name, help } = this.#description;
    const { counts, sumSeconds } = this.#progress.total().latencies();
    let cumulated = 0;
    const buckets = [...LATENCY_BUCKETS, "+Inf"].map((le, index) => {
      cumulated += counts[index] ?? 0;
      return { metricName: `${name}_bucket`, labels: { le }, value: cumulated };
    });
    const sum = { metricName: `${name}_sum`, value: sumSeconds };
    const count = { metricName: `${name}_count`, value: cumulated };
    return { name, help, type: "histogram", values: [...buckets, sum, count] };
  }
}
