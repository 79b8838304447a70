import { describe, expect, it, test } from "vitest";
import { cpuSeconds, measure, parseTimes } from "../../../../bench/run/measure.ts";

const hasProc = process.platform === "linux";

/** A Node process that runs a script. */
function node(script: string) {
  return { file: process.execPath, args: ["-e", script] };
}

describe("what times(1) of a shell prints", () => {
  it.each([
    ["of dash", "0m0.000000s 0m0.000000s\n0m1.230000s 0m0.450000s\n", 1.23, 0.45],
    ["of bash", "0m0.001s 0m0.002s\n2m3.450s 1m0.010s\n", 123.45, 60.01],
    ["with a locale's comma", "0m0,001s 0m0,002s\n0m3,450s 0m0,010s\n", 3.45, 0.01],
  ])("%s is read", (_, printed, userSeconds, systemSeconds) => {
    expect(parseTimes(printed)).toEqual({ userSeconds, systemSeconds });
  });

  it.each(["", "0m0.000s 0m0.000s\n", "user 1\nsys 2\n"])("is an error if it is %j", (printed) => {
    expect(() => parseTimes(printed)).toThrow(/times/);
  });
});

describe("measure", () => {
  it("gives the wall time of a process that waits, which takes no CPU time", async () => {
    const { usage } = await measure({ file: "sleep", args: ["0.3"] });
    expect(usage.wallSeconds).toBeGreaterThanOrEqual(0.3);
    expect(usage.userSeconds + usage.systemSeconds).toBeLessThan(0.1);
  });

  it("gives the CPU time of a process that computes, as the process itself counts it", async () => {
    const busy = "for (const end = process.cpuUsage().user + 3e5; process.cpuUsage().user < end; );";
    const { usage, stdout } = await measure(node(`${busy} console.log(JSON.stringify(process.cpuUsage()))`));
    const { user, system } = JSON.parse(stdout) as NodeJS.CpuUsage;
    // Ending costs a little too.
    const more = usage.userSeconds + usage.systemSeconds - (user + system) / 1e6;
    expect(Math.abs(more)).toBeLessThan(0.08);
  });

  it.runIf(hasProc)("gives the memory of a process that takes and gives back a known amount", async () => {
    const wait = (ms: number) => `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${ms});`;
    const take = "let taken = Buffer.alloc(150e6, 1); taken = undefined; gc();";
    const said = "console.log(process.resourceUsage().maxRSS * 1024)";
    const command = { file: process.execPath, args: ["--expose-gc", "-e", `${take} ${wait(100)} ${said}`] };
    const { usage, stdout } = await measure(command);
    expect(usage.peakRssBytes).toBeGreaterThan(150e6);
    expect((usage.peakRssBytes as number) / Number(stdout)).toBeCloseTo(1, 1);
  });

  it("fails with what the process said last", async () => {
    const failing = measure(node('console.error("no such log"); process.exit(3)'));
    await expect(failing).rejects.toThrow(/exit code 3: no such log/);
  });

  it("fails where there is no such program", async () => {
    await expect(measure({ file: "/no/such/program", args: [] })).rejects.toThrow(/exit code 127/);
  });

  it("ends a process that takes too long, and all that it started", async () => {
    const command = { file: "sh", args: ["-c", "sleep 30; true"] };
    const startedAt = Date.now();
    await expect(measure(command, 100)).rejects.toThrow(/longer than 0.1 s/);
    expect(Date.now() - startedAt).toBeLessThan(10_000);
  });
});

test.runIf(hasProc)("the CPU time of a process that runs grows as it computes", () => {
  const before = cpuSeconds(process.pid) ?? 0;
  for (const end = process.cpuUsage().user + 2e5; process.cpuUsage().user < end; );
  expect((cpuSeconds(process.pid) ?? 0) - before).toBeGreaterThan(0.15);
  expect(cpuSeconds(2 ** 30)).toBeUndefined();
});
