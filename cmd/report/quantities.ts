/** Numbers in text. Units are decimal: 1 MB is 1,000,000 bytes. */

// Created when first needed: that takes 16 ms, and the start of a copy does not wait for it.
let whole: Intl.NumberFormat | undefined;
let compact: Intl.NumberFormat | undefined;

/** `1,234,567`. */
export function formatCount(count: number): string {
  whole ??= new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
  return whole.format(count);
}

/** `1.23M`, where space is short. */
export function formatCompact(count: number): string {
  compact ??= new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });
  return compact.format(count);
}

/** `1 entry`, `2,000 entries`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `512 B`, `8.2 kB`, `215.3 MB`. */
export function formatBytes(bytes: number): string {
  const { value, unit } = scaleBytes(bytes);
  return unit === "B" ? `${formatCount(value)} B` : `${value.toFixed(1)} ${unit}`;
}

/** `9.1 MB/s`, `215 MB/s`. */
export function formatByteRate(bytesPerSecond: number): string {
  const { value, unit } = scaleBytes(bytesPerSecond);
  return `${unit === "B" || value >= 10 ? Math.round(value) : value.toFixed(1)} ${unit}/s`;
}

/** `30.9 %`. Rounded down: nothing is at 100 % before it is. */
export function formatPercent(part: number, whole: number): string {
  const percent = whole === 0 ? 100 : Math.floor((part / whole) * 1000) / 10;
  return `${percent.toFixed(1)} %`;
}

/** `0.84 s`, `13 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`: at most two units. */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  return formatTimeLeft(seconds);
}

/** A duration to the second. */
export function formatTimeLeft(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return joinUnits(whole, 60, "min", 1, "s");
  if (whole < 86_400) return joinUnits(whole, 3600, "h", 60, "min");
  return joinUnits(whole, 86_400, "d", 3600, "h");
}

function joinUnits(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string) {
  const rest = Math.floor((seconds % large) / small);
  const first = `${formatCount(Math.floor(seconds / large))} ${largeUnit}`;
  return rest === 0 ? first : `${first} ${rest} ${smallUnit}`;
}

function scaleBytes(bytes: number): { value: number; unit: string } {
  let value = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 999.95) return { value, unit };
    value /= 1000;
  }
  return { value, unit: "TB" };
}
