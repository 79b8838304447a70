import { expect, it } from "vitest";
import { mergeReports } from "../../../bench/report.ts";
import { MACHINE, reportOf, rowOf, suiteOf, tableOf } from "./made-up-report.ts";

const suite = (name: string, wall: number) => suiteOf(name, [tableOf(name, [rowOf("ours", [wall])])]);
const before = reportOf([suite("peers", 1), suite("disk", 2)]);

it("suites that were measured again replace their old figures, and the others are kept", () => {
  const merged = mergeReports(before, reportOf([suite("disk", 3), suite("scale", 4)]));
  expect(merged.suites).toEqual([suite("peers", 1), suite("disk", 3), suite("scale", 4)]);
});

it("figures of another machine are not kept", () => {
  const fresh = reportOf([suite("disk", 3)], { ...MACHINE, cores: 4 });
  expect(mergeReports(before, fresh)).toEqual(fresh);
});
