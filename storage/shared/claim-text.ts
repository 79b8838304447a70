/** A claim as log software finds it where it looks first: a text that it refuses, and prints. */

/** The text before the marker's JSON. */
const CLAIM_PREFIX = "migration-in-progress ";

/** The text of a guard: an object with this text keeps log software away. */
export function claimText(marker: string): string {
  return `${CLAIM_PREFIX}${marker}`;
}

/** The marker in the text of a guard, undefined if it contains something else. */
export function markerIn(text: string | undefined): string | undefined {
  return text?.startsWith(CLAIM_PREFIX) ? text.slice(CLAIM_PREFIX.length) : undefined;
}
