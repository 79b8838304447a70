/** What the project set out to reach, held against what was measured. */

import type { Extent } from "../profile.ts";

export interface Goal {
  readonly text: string;
  /** The measured figure in words; undefined if it was not measured. */
  readonly measured: string | undefined;
  /** Undefined if it was not measured, or in no way that it could be judged by. */
  readonly met: boolean | undefined;
}

export type Bound = { readonly atMost: number } | { readonly atLeast: number };

/** A goal that a measured value must be within a bound; both are shown by `format`. */
export function goal(
  text: string,
  value: number | undefined,
  bound: Bound,
  format: (value: number) => string,
): Goal {
  const words = "atMost" in bound ? `at most ${format(bound.atMost)}` : `at least ${format(bound.atLeast)}`;
  return {
    text: `${text}: ${words}`,
    measured: value === undefined ? undefined : format(value),
    met: value === undefined ? undefined : isWithin(value, bound),
  };
}

/** A goal as far as a run of this extent tells: of a quick look the figure is shown, and never a verdict. */
export function goalWithin(extent: Extent, { text, measured, met }: Goal): Goal {
  if (extent.kind === "full") return { text, measured, met };
  return { text, measured: extent.kind === "quick" ? measured : undefined, met: undefined };
}

function isWithin(value: number, bound: Bound): boolean {
  return "atMost" in bound ? value <= bound.atMost : value >= bound.atLeast;
}

/** A quotient, as 1.15 ×. */
export function times(value: number): string {
  return `${value.toFixed(2)} ×`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function perSecond(value: number): string {
  return `${Math.round(value).toLocaleString("en")} entries/s`;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

export function milliseconds(value: number): string {
  return `${Math.round(value)} ms`;
}
