/** Snapshots of runs that never were. */

import { Counters, type Phase, type ProgressSnapshot } from "../../lib/index.ts";

export interface SnapshotFacts {
  readonly phase?: Phase;
  readonly size?: number;
  readonly entries?: number;
  readonly resumed?: number;
  readonly bytes?: number;
  readonly retries?: number;
}

export function snapshotOf(facts: SnapshotFacts): ProgressSnapshot {
  const { phase = "copying", size = 4_000_000, entries = 0, resumed = 0, bytes = 0, retries = 0 } = facts;
  const counters = new Counters();
  counters.add("entries", entries);
  counters.add("resumedEntries", resumed);
  counters.add("bytesStored", bytes);
  counters.add("retries", retries);
  return { phase, size, entriesDone: entries + resumed, requestLimit: 0, counters, isHandedOver: false };
}
