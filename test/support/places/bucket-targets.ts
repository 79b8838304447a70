/** Targets in buckets: how they are named and opened, and what is written there. */

import { createHash } from "node:crypto";
import type { MigrationTarget, TreeState } from "../../../lib/migrate/ports/target.ts";
import { openTarget } from "./open.ts";

export const MARKER = `{"tlog-migrate-marker":1,"first":true}\n`;
export const LATER_MARKER = `{"tlog-migrate-marker":1,"first":false}\n`;
export const RECORD = `{"tlog-migrate-record":1}\n`;
export const STATE: TreeState = { size: 300, rootHash: createHash("sha256").digest(), collectFrom: 256 };

/** Opens a target in a bucket of Cloud Storage, for a mirror where no database is named. */
export function openGcsTarget(
  url: string,
  spanner?: Readonly<{ database: string; tablePrefix?: string }>,
): Promise<MigrationTarget> {
  const state = { spanner: spanner?.database, spannerTablePrefix: spanner?.tablePrefix };
  return openTarget(url, spanner === undefined ? { treeState: false } : state);
}
