/**
 * The paths of the old serverless layout (api/layout/paths.go of github.com/transparency-dev/serverless-log): indexes in
 * hexadecimal, two digits a directory.
 */

import { FULL_WIDTH, type TileCoordinate } from "../../lib/tlog/layout.ts";

/** Digits of an index that the layout was made for; larger ones have more in their first directory. */
const DIGITS = 10;

/** Where an entry is stored: `seq/00/00/00/12/34`. */
export function entryPath(index: number): string {
  return `seq/${directories(index, 2)}`;
}

/** Where a tile is stored: `tile/00/0000/00/12/34`, a partial one with its width behind, as in `34.0f`. */
export function tilePathOf({ level, index, width }: TileCoordinate): string {
  const suffix = width === FULL_WIDTH ? "" : `.${hexadecimal(width, 2)}`;
  return `tile/${hexadecimal(level, 2)}/${directories(index, 4)}${suffix}`;
}

/** @param first digits in the first directory; the others have two each. */
function directories(index: number, first: number): string {
  const digits = hexadecimal(index, DIGITS);
  const end = digits.length - DIGITS + first;
  return [digits.slice(0, end), ...(digits.slice(end).match(/../g) ?? [])].join("/");
}

function hexadecimal(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
