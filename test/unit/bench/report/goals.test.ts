import { describe, expect, it } from "vitest";
import { goal, megabytes, percent, perSecond, times } from "../../../../bench/report/goals.ts";
import type { Table } from "../../../../bench/report/report.ts";
import { goalsOf } from "../../../../bench/suites/all.ts";
import { missingRow, QUICK, REDUCED, rowOf, runOf, suiteOf, tableOf } from "../../../support/bench-report.ts";

const PEAK_MEMORY = "Peak memory of every copy";

/** Verdicts on a suite's tables, by the words of the goals, but for that on memory. */
function verdicts(name: string, tables: readonly Table[]): Record<string, string> {
  const goals = goalsOf([suiteOf(name, tables)]).filter(({ text }) => !text.startsWith(PEAK_MEMORY));
  return Object.fromEntries(goals.map(({ text, measured, met }) => [text, `${measured} ${met}`]));
}

describe("a goal", () => {
  it.each([
    [1.15, { atMost: 1.15 }, true],
    [1.16, { atMost: 1.15 }, false],
    [0.8, { atLeast: 0.8 }, true],
    [0.79, { atLeast: 0.8 }, false],
  ])("%d within %j is met: %s", (value, bound, met) => {
    expect(goal("text", value, bound, times).met).toBe(met);
  });

  it("that was not measured is neither met nor missed", () => {
    expect(goal("Speed", undefined, { atLeast: 5e5 }, perSecond)).toEqual({
      text: "Speed: at least 500,000 entries/s",
      measured: undefined,
      met: undefined,
    });
  });

  it("shows its figures in their unit", () => {
    expect([times(1.149), percent(0.8), megabytes(349.6e6)]).toEqual(["1.15 ×", "80 %", "350 MB"]);
  });
});

describe("the goals of the suites", () => {
  it("of the peers: speed, wall beside rclone's, speed and CPU beside Tessera's", () => {
    const ours = rowOf("ours", [2]);
    const table = tableOf("memory-1000B", [ours, rowOf("rclone", [1.6]), rowOf("tessera", [20])]);
    expect(verdicts("peers", [table])).toMatchObject({
      "Speed into memory, entries of 1,000 B: at least 500,000 entries/s": "500,000 entries/s true",
      "Wall time beside rclone's, entries of 1,000 B: at most 0.95 ×": "1.25 × false",
      "Speed beside Tessera's, entries of 1,000 B: at least 1.00 ×": "10.00 × true",
      "CPU time an entry beside Tessera's, entries of 1,000 B: at most 1.00 ×": "0.12 × true",
      "Speed into memory, entries of 100 B: at least 1,400,000 entries/s": "undefined undefined",
    });
  });

  it("of TLS: wall beside rclone's", () => {
    const table = tableOf("tls", [rowOf("ours", [2]), rowOf("rclone", [2.5])]);
    expect(Object.values(verdicts("tls", [table]))).toEqual(["0.80 × true"]);
  });

  it("beside an earlier build: wall by rounds, and peak memory, in every table that has one", () => {
    const runs = [2.2, 5, 3].map((wall) => runOf(wall, { peakRssBytes: 222e6 }));
    const before = [2, 5, 2.7].map((wall) => runOf(wall));
    const rows = [rowOf("ours", [], { runs }), rowOf("before", [], { runs: before })];
    const goals = goalsOf([suiteOf("disk", [tableOf("disk-100B", rows, "ours")])]);
    expect(goals.filter(({ text }) => text.includes("the earlier build"))).toEqual([
      expect.objectContaining({ measured: "1.10 ×", met: true }),
      expect.objectContaining({ measured: "1.11 ×", met: false }),
    ]);
  });

  it("of the disk: wall beside a plain copy that is made durable", () => {
    const table = tableOf("disk-1000B", [rowOf("ours", [13]), rowOf("cp", [10])]);
    expect(Object.values(verdicts("disk", [table]))).toEqual(["1.30 × true"]);
  });

  it("of distance: speed beside that without a delay", () => {
    const table = tableOf("distance", [rowOf("0ms", [8]), rowOf("20ms", [10]), rowOf("50ms", [11])]);
    expect(Object.values(verdicts("distance", [table]))).toEqual(["80 % true", "73 % false"]);
  });

  it("of scale: growth of peak memory, and speed at the announced size", () => {
    const sized = (entries: number, wall: number, peakRssBytes: number) =>
      rowOf(String(entries), [], { entries, runs: [runOf(wall, { peakRssBytes })] });
    const stored = tableOf("scale", [sized(4_000_000, 4, 200e6), sized(13_712_258, 14, 210e6)]);
    const endless = tableOf("scale-endless", [sized(13_712_258, 9, 200e6), sized(100_000_000, 70, 230e6)]);
    expect(Object.values(verdicts("scale", [stored, endless]))).toEqual(["1.15 × false", "98 % true"]);
  });

  it("of Google's cloud: speed, beside uploads alone and Tessera's, and from far away", () => {
    const rows = [rowOf("ours-gcs", [10]), rowOf("tessera-gcs", [50]), rowOf("uploads-gcs", [7])];
    const far = tableOf("gcs-distance", [
      rowOf("gcs-0ms", [8]),
      rowOf("gcs-20ms", [10]),
      rowOf("gcs-50ms", [20]),
    ]);
    expect(verdicts("gcs", [tableOf("gcs", rows), far])).toEqual({
      "Speed into Google's cloud, emulated here: at least 100,000 entries/s": "100,000 entries/s true",
      "Beside uploads alone: at least 80 %": "70 % false",
      "Beside Tessera's migrate/gcp: at least 4.00 ×": "5.00 × true",
      "At 20 ms of round trip beside 0 ms: at least 80 %": "80 % true",
    });
  });

  it("of Google's cloud that need a row which was left out are not judged", () => {
    const rows = [rowOf("ours-gcs", [10]), missingRow("skipped", "tessera-gcs", "it could not be built")];
    expect(Object.values(verdicts("gcs", [tableOf("gcs", rows)]))).toEqual([
      "100,000 entries/s true",
      "undefined undefined",
      "undefined undefined",
      "undefined undefined",
    ]);
  });

  it("of starting: the median", () => {
    const rows = [{ id: "first-bundle", label: "tlog-migrate", milliseconds: [290, 500, 280] }];
    const table = { kind: "times", id: "start-up", title: "Start", notes: [], rows } as const;
    expect(Object.values(verdicts("start-up", [table]))).toEqual(["290 ms true"]);
  });

  it("of memory: the largest peak of every row of ours in all suites", () => {
    const peak = (id: string, peakRssBytes: number) => rowOf(id, [], { runs: [runOf(1, { peakRssBytes })] });
    const memory = tableOf("memory-1000B", [peak("ours", 100e6), peak("rclone", 900e6)]);
    const far = tableOf("distance", [{ ...peak("50ms", 360e6), isOurs: true }]);
    const goals = goalsOf([suiteOf("peers", [memory]), suiteOf("distance", [far])]);
    expect(goals.at(-1)).toEqual({
      text: `${PEAK_MEMORY} (peers, distance): at most 350 MB`,
      measured: "360 MB",
      met: false,
    });
    const reduced = suiteOf("distance", [far], { extent: REDUCED });
    expect(goalsOf([suiteOf("peers", [memory]), reduced]).at(-1)).toMatchObject({ measured: "100 MB" });
  });

  it("are not judged by a quick look, and have not been measured by a reduced run", () => {
    const tables = [tableOf("memory-1000B", [rowOf("ours", [1]), rowOf("rclone", [2])])];
    const known = ({ measured }: { readonly measured: string | undefined }) => measured !== undefined;
    const quick = goalsOf([suiteOf("peers", tables, { extent: QUICK })]);
    expect(quick.filter(known)).toHaveLength(3);
    const reduced = goalsOf([suiteOf("peers", tables, { extent: REDUCED })]);
    expect(reduced.filter(known)).toEqual([]);
    expect(new Set([...quick, ...reduced].map(({ met }) => met))).toEqual(new Set([undefined]));
  });

  it("of suites that did not run are not shown", () => {
    expect(goalsOf([])).toEqual([]);
  });
});
