/** What a run counts, as Prometheus metrics. */

import { Counter, Gauge, Registry } from "prom-client";
import type { Progress, ProgressSnapshot } from "../../lib/index.ts";
import { RequestDurations } from "./request-durations.ts";

const PREFIX = "tlog_migrate_";

/** Metrics of one run, in a registry of their own. */
export class RunMetrics {
  readonly #progress: Progress;
  readonly #registry = new Registry();
  readonly #setters: ((snapshot: ProgressSnapshot) => void)[] = [];

  constructor(progress: Progress) {
    this.#progress = progress;
    this.#counter("entries_total", "Entries copied or verified by this run", "entries");
    this.#counter("resumed_entries_total", "Entries found in place from earlier runs", "resumedEntries");
    this.#counter("stored_bytes_total", "Bytes written into the target", "bytesStored");
    this.#counter(
      "received_bytes_total",
      "Bytes of response bodies as they came over the wire",
      "bytesReceived",
    );
    this.#counter("retries_total", "Reads that were tried again", "retries");
    this.#counter(
      "throttles_total",
      "Times that the limit on requests in flight was made smaller, since the source refused some (429, 503)",
      "throttles",
    );
    this.#counter("replaced_objects_total", "Objects found with wrong bytes and replaced", "replacedObjects");
    this.#counter(
      "reencoded_entries_total",
      "Static CT entries that differ from what was submitted as re-encoding explains",
      "reencodedEntries",
    );
    this.#counter(
      "unchecked_entries_total",
      "Static CT entries not checked beyond their leaf hash, since an issuer is missing",
      "uncheckedEntries",
    );
    this.#gauge("requests_in_flight", "Requests under way", ({ counters }) => counters.get("inFlight"));
    this.#gauge(
      "request_window",
      "Requests that may be in flight to the source, 0 before there is one",
      ({ requestLimit }) => requestLimit,
    );
    this.#gauge("tree_size", "Entries of the tree aimed at, 0 while unknown", ({ size }) => size);
    this.#gauge("entries_done", "Entries of that tree that are done", ({ entriesDone }) => entriesDone);
    this.#requests();
    this.#phase();
  }

  /** The metrics as they are now, in the Prometheus text format. */
  async text(): Promise<string> {
    this.#update();
    return await this.#registry.metrics();
  }

  /** The same, with those of another registry behind them. */
  async textWith(other: Registry): Promise<string> {
    this.#update();
    return await Registry.merge([this.#registry, other]).metrics();
  }

  /** Adds how the run ended. */
  ended(exitCode: number): void {
    this.#gauge("exit_code", "Exit code of the run that ended", () => exitCode);
    const seconds = Date.now() / 1000;
    this.#gauge(
      "finish_timestamp_seconds",
      "When the run ended, in seconds since the Unix epoch",
      () => seconds,
    );
  }

  #update(): void {
    const snapshot = this.#progress.snapshot();
    for (const set of this.#setters) set(snapshot);
  }

  #counter(name: string, help: string, counted: Parameters<ProgressSnapshot["counters"]["get"]>[0]): void {
    const counter = new Counter({ name: PREFIX + name, help, registers: [this.#registry] });
    this.#setters.push(({ counters }) => {
      counter.reset();
      counter.inc(counters.get(counted));
    });
  }

  #gauge(name: string, help: string, value: (snapshot: ProgressSnapshot) => number): void {
    const gauge = new Gauge({ name: PREFIX + name, help, registers: [this.#registry] });
    this.#setters.push((snapshot) => gauge.set(value(snapshot)));
  }

  #requests(): void {
    const byStatus = new Counter({
      name: `${PREFIX}requests_total`,
      help: "Requests that ended, by HTTP status; none where there was no response",
      labelNames: ["status"],
      registers: [this.#registry],
    });
    const durations = new RequestDurations(this.#registry);
    this.#setters.push(({ counters }) => {
      byStatus.reset();
      for (const [status, count] of counters.requestsByStatus()) {
        byStatus.inc({ status: status === 0 ? "none" : `${status}` }, count);
      }
      durations.latencies = counters.latencies();
    });
  }

  #phase(): void {
    const gauge = new Gauge({
      name: `${PREFIX}phase`,
      help: "What the run is doing: 1 for the phase it is in",
      labelNames: ["phase"],
      registers: [this.#registry],
    });
    this.#setters.push(({ phase }) => {
      gauge.reset();
      gauge.set({ phase }, 1);
    });
  }
}
