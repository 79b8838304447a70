/** What becomes of a target whose source is followed. */

import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { MigrationReport } from "../report/report.ts";

export interface Lifecycle {
  /** Entries that have arrived: the target is behind by the others. */
  readonly reached: number;
  /** Whether it is waited for, so that a wait for the source to grow ends. */
  readonly isAwaited: boolean;
  /**
   * Called when the target has all of the tree that is aimed at, again and again.
   * @param newest the source's last checkpoint of that tree.
   * @param hasCopied whether anything was copied since the last call.
   */
  settle(newest: TrustedCheckpoint, hasCopied: boolean): Promise<void>;
  /** How it ends, if all is ready for that: what fails from then on is not tried again. */
  ending(): Promise<(() => Promise<MigrationReport>) | undefined>;
  close(): Promise<void>;
}
