/** A Prometheus histogram that others have counted: prom-client's own takes one observation at a time. */

import { Histogram, type MetricObject, type Registry } from "prom-client";
import { type Counters, LATENCY_BUCKETS } from "../lib/index.ts";

type Described = Awaited<ReturnType<Histogram["get"]>>;

const NAME = "tlog_migrate_request_duration_seconds";
const HELP = "Seconds from sending a request to the end of its response";

export class RequestDurations extends Histogram {
  /** Requests by bucket, not cumulated. */
  latencies: ReturnType<Counters["latencies"]> = { counts: [], sumSeconds: 0 };

  constructor(registry: Registry) {
    super({ name: NAME, help: HELP, buckets: [...LATENCY_BUCKETS], registers: [registry] });
  }

  override async get(): Promise<Described> {
    const { counts, sumSeconds } = this.latencies;
    let cumulated = 0;
    const buckets = [...LATENCY_BUCKETS, "+Inf"].map((le, index) => {
      cumulated += counts[index] ?? 0;
      return { metricName: `${NAME}_bucket`, labels: { le }, value: cumulated };
    });
    const values = [
      ...buckets,
      { metricName: `${NAME}_sum`, labels: {}, value: sumSeconds },
      { metricName: `${NAME}_count`, labels: {}, value: cumulated },
    ];
    return { name: NAME, help: HELP, type: HISTOGRAM, aggregator: "sum", values, collect: () => {} };
  }

  /** What the registry asks for in place of `get` when it writes text. */
  getForPromString(): Promise<Described> {
    return this.get();
  }
}

/** prom-client declares an enum of types, but has words in its place when it runs. */
const HISTOGRAM = "histogram" as unknown as MetricObject["type"];
