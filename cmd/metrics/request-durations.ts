/** A Prometheus histogram that others have counted: prom-client's own takes one observation at a time. */

import { Histogram, type Registry } from "prom-client";
import { type Counters, LATENCY_BUCKETS } from "../../lib/index.ts";

type Described = Awaited<ReturnType<Histogram["get"]>>;

const NAME = "tlog_migrate_request_duration_seconds";
const DESCRIPTION = {
  name: NAME,
  help: "Seconds from sending a request to the end of its response",
  buckets: [...LATENCY_BUCKETS],
};

export class RequestDurations extends Histogram {
  /** Requests by bucket, not cumulated. */
  latencies: ReturnType<Counters["latencies"]> = { counts: [], sumSeconds: 0 };
  /** Never counts anything: it says of the metric what prom-client says of a histogram. */
  readonly #empty = new Histogram({ ...DESCRIPTION, registers: [] });

  constructor(registry: Registry) {
    super({ ...DESCRIPTION, registers: [registry] });
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
    return { ...(await this.#empty.get()), values };
  }

  /** What the registry asks for in place of `get` when it writes text. */
  getForPromString(): Promise<Described> {
    return this.get();
  }
}
