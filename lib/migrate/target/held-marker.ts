/** The marker as it stands in a target. */

import type { MigrationTarget } from "../ports/target.ts";
import { formatMarker, type Marker } from "./marker.ts";

/** A marker, and the text of it that stands in the target. */
export interface HeldMarker extends Marker {
  readonly text: string;
}

/** A marker as it will stand there. */
export function held(marker: Marker): HeldMarker {
  return { ...marker, text: formatMarker(marker) };
}

/** Changes what the marker in the target says. @throws TargetRefusedError if another copy has changed it meanwhile. */
export async function replaceMarker(
  target: MigrationTarget,
  { text, ...marker }: HeldMarker,
  changes: Partial<Marker>,
): Promise<HeldMarker> {
  const changed = held({ ...marker, ...changes });
  await target.replaceMarker(text, changed.text);
  return changed;
}
