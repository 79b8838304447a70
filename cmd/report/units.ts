/** Numbers with units, as text. Units are decimal: 1 MB is 1,000,000 bytes. It imports nothing: the page in the browser uses it too. */

// Created when first needed: that takes 16 ms, and the start of a copy does not wait for it.
let compact: Intl.NumberFormat | undefined;

/** `1.23M`, where space is short. */
export function formatCompact(count: number): string {
  compact ??= new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });
  return compact.format(count);
}

/** `512 B`, `8.2 kB`, `215.3 MB`. */
export function formatBytes(bytes: number): string {
  const { value, unit } = scaleBytes(bytes);
  return unit === "B" ? `${Math.round(value)} B` : `${value.toFixed(1)} ${unit}`;
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
  return seconds < 10 ? `${seconds.toFixed(2)} s` : formatTimeLeft(seconds);
}

const TIME_UNITS = { d: 86_400, h: 3600, min: 60, s: 1 };

/** A duration to the second. */
export function formatTimeLeft(seconds: number): string {
  let rest = Math.round(seconds);
  const units = Object.entries(TIME_UNITS);
  const largest = units.findIndex(([, length]) => rest >= length);
  const parts = units.slice(largest, largest + 2).flatMap(([unit, length]) => {
    const count = Math.floor(rest / length);
    rest %= length;
    return count === 0 ? [] : [`${count} ${unit}`];
  });
  return parts.join(" ") || "0 s";
}

function scaleBytes(bytes: number): { value: number; unit: string } {
  let value = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 999.95) return { value, unit };
    value /= 1000;
  }
  return { value, unit: "TB" };
}
