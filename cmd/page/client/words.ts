/** Numbers and times in words. */

import { formatTimeLeft } from "../../report/units.ts";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  dateStyle: "medium",
  timeStyle: "medium",
  hourCycle: "h23",
});

/** `1,234,567`. */
export function count(value: number): string {
  return whole.format(value);
}

/** `1 entry`, `2,000 entries`. */
export function entries(value: number): string {
  return `${count(value)} ${value === 1 ? "entry" : "entries"}`;
}

/** The time of a day, with the day where it is another one. */
export function time(at: Date, now: Date): string {
  return (at.toDateString() === now.toDateString() ? clock : dayAndClock).format(at);
}

/** `0.4 s`, `12 s`, `3 min 5 s`. */
export function seconds(value: number): string {
  return value > 0 && value < 10 ? `${value.toFixed(1)} s` : formatTimeLeft(value);
}

/** With a capital letter at its beginning. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
