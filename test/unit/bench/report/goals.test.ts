import { describe, expect, it } from "vitest";
import { eitherGoal, goal, inUnit } from "../../../../bench/report/goals.ts";
import type { Table } from "../../../../bench/report/report.ts";
import { goalsOf } from "../../../../bench/suites/all.ts";
import {
  figuresOf,
  missingRow,
  rowOf,
  runOf,
  suiteOf,
  tableOf,
  timesOf,
} from "../../../support/bench-report.ts";

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
    expect(goal("text", value, bound, "×").met).toBe(met);
  });

  it("that was not measured is neither met nor missed", () => {
    expect(goal("Speed", undefined, { atLeast: 5e5 }, "entries/s")).toEqual({
      text: "Speed: at least 500,000 entries/s",
      measured: undefined,
      met: undefined,
    });
  });

  it("shows its figures in their unit", () => {
    expect([inUnit(1.149, "×"), inUnit(0.8, "%"), inUnit(349.6e6, "MB")]).toEqual([
      "1.15 ×",
      "80 %",
      "350 MB",
    ]);
  });
});

describe("the goals of the suites are judged by their tables", () => {
  it("peers: speed, wall next to rclone's, speed and CPU next to Tessera's", () => {
    const rows = [rowOf("ours", [2]), rowOf("rclone", [1.6]), rowOf("tessera", [20])];
    const small = [rowOf("ours", [1.5]), rowOf("rclone", [2])];
    expect(verdicts("peers", [tableOf("memory-1000B", rows), tableOf("memory-100B", small)])).toMatchObject({
      "Speed into memory, entries of 1,000 B: at least 500,000 entries/s": "500,000 entries/s true",
      "Wall time next to rclone's, entries of 1,000 B: at most 0.95 ×": "1.25 × false",
      "Speed next to Tessera's, entries of 1,000 B: at least 1.00 ×": "10.00 × true",
      "CPU time an entry next to Tessera's, entries of 1,000 B: at most 1.00 ×": "0.12 × true",
      "Wall time next to rclone's, entries of 100 B: at most 0.75 ×": "0.75 × true",
      "Speed into memory, Static CT with gzip: at least 300,000 entries/s": "undefined undefined",
    });
  });

  it.each([
    ["tls", [tableOf("tls", [rowOf("ours", [2]), rowOf("rclone", [1.9])])], ["1.05 × false"]],
    ["disk", [tableOf("disk", [rowOf("ours", [13]), rowOf("cp", [10])])], ["1.30 × true"]],
    [
      "distance",
      [tableOf("distance", [rowOf("0ms", [8]), rowOf("20ms", [10]), rowOf("50ms", [11])])],
      ["80 % true", "73 % false"],
    ],
    ["start-up", [timesOf("start-up", [290, 500, 280])], ["290 ms true"]],
  ])("%s", (name, tables, expected) => {
    expect(Object.values(verdicts(name, tables))).toEqual(expected);
  });

  it("scale: growth of peak memory, and speed at the announced size", () => {
    const sized = (entries: number, wall: number, peakRssBytes: number) =>
      rowOf(String(entries), [], { entries, runs: [runOf(wall, { peakRssBytes })] });
    const stored = tableOf("scale", [sized(4_000_000, 4, 200e6), sized(13_712_258, 14, 210e6)]);
    const endless = tableOf("scale-endless", [sized(13_712_258, 9, 200e6), sized(100_000_000, 70, 230e6)]);
    expect(Object.values(verdicts("scale", [stored, endless]))).toEqual(["1.15 × false", "98 % true"]);
  });

  it("scale-out: what dividing costs, round by round, what eight workers bring, and what a queue allows", () => {
    const [alone, shared] = [rowOf("worker-alone", [5, 9, 6]), rowOf("divided", [5, 10, 8])];
    const near = tableOf("queue-near", [rowOf("ours", [5, 9, 5]), alone, shared]);
    const far = tableOf("queue-far", [rowOf("1", [73]), rowOf("2", [40]), rowOf("8", [10])]);
    const division = figuresOf("division", { "10B": { speed: 99e6, rss: 200e6, "redis-memory": 100e6 } });
    expect(Object.values(verdicts("scale-out", [near, far, division]))).toEqual([
      "100 % true",
      "90 % false",
      "7.30 × true",
      "99,000,000 entries/s false",
      "300 MB true",
    ]);
  });

  it("gcs: speed, next to uploads alone and Tessera's, and from far away", () => {
    const near = tableOf("gcs", [rowOf("ours", [10]), rowOf("tessera", [50]), rowOf("uploads", [7])]);
    const far = tableOf("gcs-distance", [rowOf("gcs-0ms", [8]), rowOf("gcs-20ms", [10])]);
    const startUp = timesOf("gcs-start-up", [350, 290, 310]);
    const expected = ["100,000 entries/s true", "70 % false", "5.00 × true", "80 % true", "310 ms false"];
    expect(Object.values(verdicts("gcs", [near, far, startUp]))).toEqual(expected);
  });

  it("live and plan: lag, with and without kills, cutovers and estimates, each by its worst row", () => {
    const moves = figuresOf("live", {
      quiet: { kills: 0, "seen-p99": 1.2, cutover: 6 },
      grown: { kills: 0, "seen-p99": 1.9, cutover: 9.5 },
      killed: { kills: 5, "seen-p99": 2.5, cutover: 7 },
    });
    const expected = ["1.90 s true", "2.50 s false", "9.50 s true"];
    expect(Object.values(verdicts("live", [moves]))).toEqual(expected);
    expect(Object.values(verdicts("live", []))).toEqual(expected.map(() => "undefined undefined"));
    const plans = figuresOf("plan", { directory: { factor: 1.5 }, gcs: { factor: 2.1 } });
    expect(Object.values(verdicts("plan", [plans]))).toEqual(["2.10 × false"]);
  });

  it.each([
    [50, 7, "5.00 ×, 70 % true"],
    [20, 9, "2.00 ×, 90 % true"],
    [20, 7, "2.00 ×, 70 % false"],
  ])(
    "s3: next to Tessera's (%i s) or to uploads alone (%i s), and the cost of uploads",
    (tessera, uploads, speed) => {
      const near = tableOf("s3", [
        rowOf("ours", [10]),
        rowOf("tessera", [tessera]),
        rowOf("uploads", [uploads]),
      ]);
      const far = tableOf("s3-distance", [rowOf("s3-0ms", [8]), rowOf("s3-20ms", [10])]);
      const large = timesOf("upload-256-KiB-http", [0.36, 0.341, 0.34]);
      const small = timesOf("upload-8-KiB-https", [0.161]);
      const found = Object.values(verdicts("s3", [near, far, large, small]));
      expect(found).toEqual([
        speed,
        "80 % false",
        "undefined undefined",
        "0.34 ms true",
        "undefined undefined",
        "undefined undefined",
        "0.16 ms false",
      ]);
    },
  );

  it("either of two goals: one that was not measured leaves it open, unless the other is met", () => {
    const open = goal("b", undefined, { atLeast: 1 }, "×");
    expect(eitherGoal(goal("a", 2, { atLeast: 1 }, "×"), open)).toMatchObject({
      text: "a: at least 1.00 ×, or b: at least 1.00 ×",
      measured: "2.00 ×, not measured",
      met: true,
    });
    expect(eitherGoal(goal("a", 0.5, { atLeast: 1 }, "×"), open).met).toBeUndefined();
    expect(eitherGoal(open, open)).toMatchObject({ measured: undefined, met: undefined });
  });

  it("not if they need a row that was left out", () => {
    const rows = [rowOf("ours", [10]), missingRow("skipped", "tessera", "it could not be built")];
    const [speed, ...others] = Object.values(verdicts("gcs", [tableOf("gcs", rows)]));
    expect(speed).toBe("100,000 entries/s true");
    expect(new Set(others)).toEqual(new Set(["undefined undefined"]));
  });

  it("an earlier build: wall time round by round, and peak memory, in every table that has one", () => {
    const runs = [2.2, 5, 3].map((wall) => runOf(wall, { peakRssBytes: 222e6 }));
    const rows = [rowOf("ours", [], { runs }), rowOf("before", [2, 5, 2.5])];
    const tables = [tableOf("disk", rows, "ours"), tableOf("other", [rowOf("ours", [1])], "ours")];
    const goals = goalsOf([suiteOf("disk", tables)]).filter(({ text }) => text.includes("earlier build"));
    expect(goals).toMatchObject([
      {
        text: expect.stringMatching(/^Title of disk: wall time .*: at most 1.10 ×$/),
        measured: "1.10 ×",
        met: true,
      },
      {
        text: expect.stringMatching(/^Title of disk: peak memory .*: at most 1.10 ×$/),
        measured: "1.11 ×",
        met: false,
      },
    ]);
  });

  it("memory: the largest peak of every row of ours in all suites", () => {
    const peak = (id: string, peakRssBytes: number) => rowOf(id, [], { runs: [runOf(1, { peakRssBytes })] });
    const memory = tableOf("memory-1000B", [peak("ours", 100e6), peak("rclone", 900e6)]);
    const far = tableOf("distance", [{ ...peak("50ms", 360e6), isOurs: true }]);
    const goals = goalsOf([suiteOf("peers", [memory]), suiteOf("distance", [far])]);
    expect(goals.at(-1)).toEqual({
      text: `${PEAK_MEMORY} (peers, distance): at most 350 MB`,
      measured: "360 MB",
      met: false,
    });
    const reduced = suiteOf("distance", [far], { reducedBy: "--rounds 1" });
    expect(goalsOf([suiteOf("peers", [memory]), reduced]).at(-1)).toMatchObject({ measured: "100 MB" });
  });

  it("not by a run that was not full, of which figures are shown alone", () => {
    const tables = [tableOf("memory-1000B", [rowOf("ours", [1]), rowOf("rclone", [2])])];
    const goals = goalsOf([suiteOf("peers", tables, { reducedBy: "--quick" })]);
    expect(goals.filter(({ measured }) => measured !== undefined)).toHaveLength(3);
    expect(new Set(goals.map(({ met }) => met))).toEqual(new Set([undefined]));
  });

  it("not if they did not run", () => {
    expect(goalsOf([])).toEqual([]);
  });
});
