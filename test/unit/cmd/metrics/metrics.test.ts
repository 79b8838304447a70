import { describe, expect, test } from "vitest";
import { RunMetrics } from "../../../../cmd/metrics/metrics.ts";
import { VERSION } from "../../../../cmd/version.ts";
import { Counters, hasherName, LATENCY_BUCKETS, Progress } from "../../../../lib/index.ts";

const RUN = { command: "copy", place: '/srv/a "log"' };
const LABELS = 'log="log.example/1",command="copy",place="/srv/a \\"log\\""';

/** Samples of a Prometheus text, by name with labels of their own: all have those of the run. */
function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, labels, value] = /^([a-z_]+)\{([^}]*)\} (\S+)$/.exec(line) ?? [];
    if (!labels?.endsWith(LABELS)) throw new Error(`not a sample of the run: ${line}`);
    const own = labels.slice(0, -LABELS.length).replace(/,$/, "");
    samples.set(own === "" ? `${name}` : `${name}{${own}}`, Number(value));
  }
  return samples;
}

const samplesOfRun = async (metrics = new RunMetrics(progressOfTwoThreads(), RUN)) =>
  samplesOf(await metrics.text());

function progressOfTwoThreads(): Progress {
  const progress = new Progress();
  const worker = new Counters();
  progress.threads.push(worker);
  progress.startRound(1000);
  progress.phase = "copying";
  progress.origin = "log.example/1";
  progress.window = { limit: 8 };
  progress.following = { newest: 1_000, copied: 900, behindSince: undefined };
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
    expect(Object.fromEntries([...samples].filter(([name]) => !/duration|build/.test(name)))).toEqual({
      tlog_migrate_entries_total: 300,
      tlog_migrate_resumed_entries_total: 256,
      tlog_migrate_pruned_entries_total: 0,
      tlog_migrate_stored_bytes_total: 12_345,
      tlog_migrate_received_bytes_total: 1010,
      tlog_migrate_retries_total: 2,
      tlog_migrate_throttles_total: 3,
      tlog_migrate_lag_entries: 100,
      tlog_migrate_lag_seconds: 0,
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

  test("say what runs", async () => {
    const [name = ""] = [...(await samplesOfRun()).keys()].filter((each) => each.includes("build_info"));
    expect(name).toContain(`{version="${VERSION}",node="${process.versions.node}",hasher="${hasherName()}"}`);
  });

  test("of two runs on one host have no series in common, before and after their checkpoints are read", async () => {
    const [one, other] = ["/srv/one", "/srv/other"].map((place) => {
      const progress = new Progress();
      return { progress, metrics: new RunMetrics(progress, { command: "copy", place }) };
    });
    const verification = {
      progress: new Progress(),
      metrics: new RunMetrics(new Progress(), { command: "verify", place: "/srv/one" }),
    };
    const runs = [one, other, verification].filter((run) => run !== undefined);
    for (const origin of [undefined, "log.example/1"]) {
      for (const { progress } of runs) progress.origin = origin;
      const texts = await Promise.all(runs.map(({ metrics }) => metrics.text()));
      const series = texts.flatMap((text) => text.match(/^[a-z_]+\{[^}]*\}/gm) ?? []);
      expect(series.length).toBeGreaterThan(20);
      expect(new Set(series).size).toBe(series.length);
      for (const text of texts) expect(text).not.toMatch(/^[a-z_]+ /m);
    }
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
    const metrics = new RunMetrics(progress, RUN);
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
    const metrics = new RunMetrics(progressOfTwoThreads(), RUN);
    expect(await metrics.text()).not.toContain("exit_code");
    metrics.ended(3);
    const samples = await samplesOfRun(metrics);
    expect(samples.get("tlog_migrate_exit_code")).toBe(3);
    expect(samples.get("tlog_migrate_finish_timestamp_seconds")).toBeCloseTo(Date.now() / 1000, -2);
  });
});
