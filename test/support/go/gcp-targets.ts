/** Targets in an emulated bucket, with a database or as a mirror, and what stands in them. */

import { createHash } from "node:crypto";
import type { MigrationTarget, TreeState } from "../../../lib/migrate/ports/target.ts";
import type { SpannerPlace } from "../../../storage/spanner/place.ts";
import { openTarget } from "../places/open.ts";
import type { GcpEmulators } from "./gcp-emulators.ts";
import type { Bucket } from "./tessera.ts";

export const MARKER = `{"tlog-migrate-marker":1,"first":true}\n`;
export const LATER_MARKER = `{"tlog-migrate-marker":1,"first":false}\n`;
export const RECORD = `{"tlog-migrate-record":1}\n`;
export const STATE: TreeState = { size: 300, rootHash: createHash("sha256").digest(), collectFrom: 256 };

export function urlOf({ bucket, prefix }: Pick<Bucket, "bucket" | "prefix">): string {
  return `gs://${bucket}${prefix === undefined ? "" : `/${prefix}`}`;
}

/** Opens a target; without a database, a mirror. */
export function openIn(url: string, spanner: SpannerPlace | undefined): Promise<MigrationTarget> {
  const isMirror = spanner === undefined;
  const state = { spanner: spanner?.database, spannerTablePrefix: spanner?.tablePrefix };
  return openTarget(url, isMirror ? { treeState: false } : state);
}

/** A new target in a bucket and a database of its own, which is claimed. */
export async function claimedTarget(emulators: GcpEmulators) {
  const { bucket, database } = await emulators.newHome();
  const target = await openIn(`gs://${bucket}/log`, { database });
  await target.claim(MARKER);
  return { bucket, database, target };
}
