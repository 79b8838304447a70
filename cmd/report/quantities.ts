/** Numbers of things in text. */

import { formatCount } from "../../lib/index.ts";

/** `1 entry`, `2,000 entries`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
