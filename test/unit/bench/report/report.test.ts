import { expect, it } from "vitest";
import { mergeReports, versionsOf } from "../../../../bench/report/report.ts";
import type { Machine } from "../../../../bench/run/machine.ts";
import { MACHINE, reportOf, rowOf, suiteOf, tableOf } from "../../../support/bench-report.ts";

const suite = (name: string, wall: number, versions = { rclone: "1.60" }) =>
  suiteOf(name, [tableOf(name, [rowOf("ours", [wall])])], { versions });
const before = reportOf([suite("peers", 1), suite("disk", 2)]);

it("suites that were measured again replace their old figures, and the others are kept", () => {
  const { report, dropped } = mergeReports(before, reportOf([suite("disk", 3), suite("scale", 4)]));
  expect(report.suites).toEqual([suite("peers", 1), suite("disk", 3), suite("scale", 4)]);
  expect(dropped).toEqual([]);
});

it.each<[string, Partial<Machine>]>([
  ["CPU was Imaginary 9000, 2 cores and is Imaginary 9000, 4 cores", { cores: 4 }],
  ["Memory was 24.0 GiB and is 12.0 GiB", { memoryBytes: 12 * 2 ** 30 }],
  ["System was Debian, Linux 6.1 and is Debian, Linux 6.2", { kernel: "Linux 6.2" }],
  ["File systems was tmpfs", { fileSystems: { scratch: "ext4", disk: "ext4" } }],
])("figures of another machine are not kept: %s", (reason, changes) => {
  const fresh = reportOf([suite("disk", 3)], { ...MACHINE, ...changes });
  const { report, dropped } = mergeReports(before, fresh);
  expect(report).toEqual(fresh);
  expect(dropped).toEqual([{ name: "peers", reason: expect.stringContaining(reason) }]);
});

it("figures of the same machine under another load are kept", () => {
  const fresh = reportOf([suite("disk", 3)], { ...MACHINE, loadBefore: 2 });
  expect(mergeReports(before, fresh).dropped).toEqual([]);
});

it("figures with another version of a program are not kept, those with other programs are", () => {
  const newer = reportOf([suite("disk", 3, { rclone: "1.61" })]);
  const reason = "rclone was 1.60 and is 1.61";
  expect(mergeReports(before, newer).dropped).toEqual([{ name: "peers", reason }]);
  const others = reportOf([suiteOf("disk", [], { versions: { cp: "9.1" } })]);
  const { report, dropped } = mergeReports(before, others);
  expect(dropped).toEqual([]);
  expect(versionsOf(report)).toEqual({ rclone: "1.60", cp: "9.1" });
});
