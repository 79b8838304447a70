/** The few statistics of the tables. */

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("nothing has no median");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

export interface Spread {
  readonly least: number;
  readonly most: number;
}

/** The least and the greatest value. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError("nothing has no spread");
  return { least: Math.min(...values), most: Math.max(...values) };
}
