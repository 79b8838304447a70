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
  const copied = { entries: 300, resumedEntries: 256, bytesStored: 12_345, retries: 2, throttles: 3 };
  const looked = { replacedObjects: 1, rejectedObjects: 5, reencodedEntries: 3, uncheckedEntries: 4 };
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
    expect(
      Object.fromEntries([...samples].filter(([name]) => !/duration|build|collected/.test(name))),
    ).toEqual({
      tlog_migrate_entries_total: 300,
      tlog_migrate_resumed_entries_total: 256,
      tlog_migrate_pruned_entries_total: 0,
      tlog_migrate_stored_bytes_total: 12_345,
      tlog_migrate_received_bytes_total: 1010,
      tlog_migrate_retries_total: 2,
      tlog_migrate_throttles_total: 3,
      tlog_migrate_request_window: 8,
      tlog_migrate_replaced_objects_total: 1,
      tlog_migrate_rejected_objects_total: 5,
      tlog_migrate_handed_over: 0,
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

  test("say when they were collected, and once it is so, that the target is handed over", async () => {
    const progress = progressOfTwoThreads();
    progress.isHandedOver = true;
    const samples = await samplesOfRun(new RunMetrics(progress, RUN));
    expect(samples.get("tlog_migrate_handed_over")).toBe(1);
    expect(samples.get("tlog_migrate_collected_timestamp_seconds")).toBeCloseTo(Date.now() / 1000, -2);
  });

  test("of a copy that follows its source say how far it is, and have no samples of what has not been yet", async () => {
    const progress = progressOfTwoThreads();
    const metrics = new RunMetrics(progress, RUN);
    const onlyOfFollow = async (of: typeof progress.following) => {
      progress.following = of;
      const samples = [...(await samplesOfRun(metrics))];
      const names = /_(source|copied)_size|_lag_|caught_up|unavailable|stale|cutover/;
      return Object.fromEntries(samples.filter(([name]) => names.test(name)));
    };
    const since = performance.now() - 90_000;
    const started = {
      newest: 1_000,
      copied: 900,
      behindSince: undefined,
      caughtUpAt: undefined,
      staleSince: undefined,
      unavailableSince: undefined,
      isCutoverPending: false,
    };
    const sizes = {
      tlog_migrate_source_size: 1_000,
      tlog_migrate_copied_size: 900,
      tlog_migrate_lag_entries: 100,
    };
    expect(await onlyOfFollow(started)).toEqual({
      ...sizes,
      tlog_migrate_lag_seconds: 0,
      tlog_migrate_unavailable_seconds: 0,
      tlog_migrate_stale_checkpoint_seconds: 0,
      tlog_migrate_cutover_pending: 0,
    });
    const inTrouble = { ...started, behindSince: since, staleSince: since, unavailableSince: since };
    expect(await onlyOfFollow({ ...inTrouble, caughtUpAt: 1.8e12, isCutoverPending: true })).toEqual({
      ...sizes,
      tlog_migrate_lag_seconds: expect.closeTo(90, -1),
      tlog_migrate_caught_up_timestamp_seconds: 1.8e9,
      tlog_migrate_unavailable_seconds: expect.closeTo(90, -1),
      tlog_migrate_stale_checkpoint_seconds: expect.closeTo(90, -1),
      tlog_migrate_cutover_pending: 1,
    });
    expect(await onlyOfFollow(undefined)).toEqual({});
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
