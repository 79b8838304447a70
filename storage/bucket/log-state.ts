/**
 * Who may write a log in a bucket, and where it goes on: what a directory keeps in `.state/`, a bucket keeps
 * elsewhere. For log software that is a database; for a mirror, which nothing ever appends to, objects.
 */

import type { IntegratedTree, TreeState } from "../../lib/migrate/ports/target.ts";

/** What is known of a place beside its objects. */
export type Coordinated =
  | { readonly kind: "unclaimed" }
  | { readonly kind: "claimed"; readonly marker: string }
  | { readonly kind: "handed-over"; readonly record: string }
  | { readonly kind: "occupied"; readonly found: string };

export interface GcsCoordination {
  /** What messages call the private tree state. */
  readonly treeStateName: string;
  /** Looks, without changing anything. */
  inspect(): Promise<Coordinated>;
  /** Of a log that log software may go on with: undefined before the hand-over, and where there is another log. */
  integratedTree(): Promise<IntegratedTree | undefined>;
  /** Writes the marker where nothing is. @throws TargetRefusedError if something is. */
  claim(marker: string): Promise<void>;
  /** @throws TargetRefusedError if the marker that is there is not `from`, byte for byte. */
  replaceMarker(from: string, to: string): Promise<void>;
  /** @throws TargetRefusedError unless the place is claimed, by `marker` where that is known. */
  requireClaim(marker: string | undefined): Promise<void>;
  /** At one stroke. @throws TargetRefusedError if the claim is not `marker` any more, or log software was there. */
  handOver(marker: string, state: TreeState, record: string): Promise<void>;
  close(): Promise<void>;
}
