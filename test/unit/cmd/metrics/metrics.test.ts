import { describe, expect, test } from "vitest";
import { RunMetrics } from "../../../../cmd/metrics/metrics.ts";
import { Counters, LATENCY_BUCKETS, Progress } from "../../../../lib/index.ts";

/** Samples of a Prometheus text, by name with labels. */
function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, value] = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`not a sample: ${line}`);
    samples.set(name, Number(value));
  }
  return samples;
}

const samplesOfRun = async (metrics = new RunMetrics(progressOfTwoThreads())) =>
  samplesOf(await metrics.text());

function progressOfTwoThreads(): Progress {
  const progress = new Progress();
  const worker = new Counters();
  progress.threads.push(worker);
  progress.startRound(1000);
  progress.phase = "copying";
  progress.window = { limit: 8 };
  const copied = { entries: 300, resumedEntries: 256, bytesStored: 12_345, retries: 2, throttles: 3 };
  const looked = { replacedObjects: 1, reencodedEntries: 3, uncheckedEntries: 4 };
  for (const [name, amount] of Object.entries({ ...copied, ...looked })) {
    worker.add(name as keyof typeof copied, amount);
  }
  for (let started = 0; started < 3; started++) worker.requestStarted();
  worker.requestEnded(200, 0.5, 1000);
  worker.requestEnded(503, 40, 10);
  progress.own.requestStarted();
  progress.own.requestEnded(0, 40_000, 0);
  return progress;
}

describe("metrics of a run", () => {
  test("are the sums over all threads", async () => {
    const samples = await samplesOfRun();
    expect(Object.fromEntries([...samples].filter(([name]) => !name.includes("duration")))).toEqual({
      tlog_migrate_entries_total: 300,
      tlog_migrate_resumed_entries_total: 256,
      tlog_migrate_stored_bytes_total: 12_345,
      tlog_migrate_received_bytes_total: 1010,
      tlog_migrate_retries_total: 2,
      tlog_migrate_throttles_total: 3,
      tlog_migrate_request_window: 8,
      tlog_migrate_replaced_objects_total: 1,
      tlog_migrate_reencoded_entries_total: 3,
      tlog_migrate_unchecked_entries_total: 4,
      tlog_migrate_requests_in_flight: 1,
      tlog_migrate_tree_size: 1000,
      tlog_migrate_entries_done: 556,
      'tlog_migrate_requests_total{status="200"}': 1,
      'tlog_migrate_requests_total{status="503"}': 1,
      'tlog_migrate_requests_total{status="none"}': 1,
      'tlog_migrate_phase{phase="copying"}': 1,
    });
  });

  test("have durations in buckets that each hold the ones before", async () => {
    const samples = await samplesOfRun();
    const name = "tlog_migrate_request_duration_seconds";
    const bucket = (le: number | string) => samples.get(`${name}_bucket{le="${le}"}`);
    const counts = [...LATENCY_BUCKETS, "+Inf"].map((le) => bucket(le) ?? Number.NaN);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect([bucket(0.001), bucket(0.025), bucket(0.05), bucket(30), bucket("+Inf")]).toEqual([1, 1, 2, 2, 3]);
    expect(samples.get(`${name}_count`)).toBe(3);
    expect(samples.get(`${name}_sum`)).toBeCloseTo(40.0405);
  });

  test("follow the run: asked again, they neither add up nor keep the phase before", async () => {
    const progress = progressOfTwoThreads();
    const metrics = new RunMetrics(progress);
    await metrics.text();
    progress.phase = "handing over";
    progress.own.add("entries", 1);
    const samples = await samplesOfRun(metrics);
    expect(samples.get("tlog_migrate_entries_total")).toBe(301);
    expect([...samples.keys()].filter((name) => name.includes("phase"))).toEqual([
      'tlog_migrate_phase{phase="handing over"}',
    ]);
  });

  test("say how the run ended, once it has", async () => {
    const metrics = new RunMetrics(new Progress());
    expect(await metrics.text()).not.toContain("exit_code");
    metrics.ended(3);
    const samples = await samplesOfRun(metrics);
    expect(samples.get("tlog_migrate_exit_code")).toBe(3);
    expect(samples.get("tlog_migrate_finish_timestamp_seconds")).toBeCloseTo(Date.now() / 1000, -2);
  });
});
