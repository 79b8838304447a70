import { describe, expect, test } from "vitest";
import { countOf } from "../../../../cmd/report/quantities.ts";
import * as units from "../../../../cmd/report/units.ts";
import { formatCount } from "../../../../lib/index.ts";

const { formatPercent, formatTimeLeft } = units;

describe("numbers for people", () => {
  test("counts have their thousands apart, and a noun that fits them", () => {
    expect(formatCount(1_234_567)).toBe("1,234,567");
    expect(formatCount(Number.MAX_SAFE_INTEGER)).toBe("9,007,199,254,740,991");
    expect(formatCount(2n ** 63n)).toBe("9,223,372,036,854,775,808");
    expect([0, 999, 1000, 999.6].map(formatCount)).toEqual(["0", "999", "1,000", "1,000"]);
    expect(countOf(1, "entry", "entries")).toBe("1 entry");
    expect(countOf(0, "retry", "retries")).toBe("0 retries");
    expect(countOf(2, "object")).toBe("2 objects");
  });

  test("compact counts keep three digits", () => {
    const texts = [999, 12_345, 1_234_567, 4_000_000, 1e9].map(units.formatCompact);
    expect(texts).toEqual(["999", "12.3K", "1.23M", "4M", "1B"]);
  });

  test("bytes change their unit where the number would need a fourth digit", () => {
    const small = [0, 999, 8192, 999_949, 999_951].map(units.formatBytes);
    expect(small).toEqual(["0 B", "999 B", "8.2 kB", "999.9 kB", "1.0 MB"]);
    const large = [215_300_000, 1e9, 2.5e12, 1e16].map(units.formatBytes);
    expect(large).toEqual(["215.3 MB", "1.0 GB", "2.5 TB", "10000.0 TB"]);
  });

  test("rates of bytes have a decimal only while they are small", () => {
    const texts = [12, 9_100_000, 215_300_000].map(units.formatByteRate);
    expect(texts).toEqual(["12 B/s", "9.1 MB/s", "215 MB/s"]);
  });

  test("nothing is at 100 % before it is, and an empty whole is", () => {
    expect(formatPercent(1_234_567, 4_000_000)).toBe("30.8 %");
    expect(formatPercent(3_999_999, 4_000_000)).toBe("99.9 %");
    expect(formatPercent(4_000_000, 4_000_000)).toBe("100.0 %");
    expect(formatPercent(0, 0)).toBe("100.0 %");
  });

  test("durations have two units at the most", () => {
    const texts = [0.844, 13.2, 59.6, 125, 3600, 11_520, 187_200].map(units.formatDuration);
    expect(texts).toEqual(["0.84 s", "13 s", "1 min", "2 min 5 s", "1 h", "3 h 12 min", "2 d 4 h"]);
    expect(formatTimeLeft(0.4)).toBe("0 s");
  });
});
