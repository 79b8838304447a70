/** A part of a copy that several machines do, each a shard of its own: every n-th full level-1 tile and what is below it. */

import { ENTRIES_PER_SEAL, fullTileCount } from "../tlog/layout.ts";
import { onClaimedTarget } from "./lifecycle/claimed.ts";
import { finish } from "./lifecycle/handover.ts";
import { checkShard } from "./options/check-options.ts";
import type { Shard, ShardOptions } from "./options/options.ts";
import type { BackendModules } from "./ports/backend.ts";
import type { MigrationReport } from "./report/report.ts";

/**
 * Copies one shard into a target that all shards share. The first to arrive claims it; the others join the claim, and so
 * copy the same tree. The right edge, the upper tiles, the checks and the handover are left to a `migrate` that follows.
 * @throws LogError of the kind that the command's exit code follows from, or the signal's reason.
 */
export async function copyShard(options: ShardOptions, modules: BackendModules): Promise<MigrationReport> {
  checkShard(options);
  const { shard } = options;
  const part = { ...options, handOver: false, snapshot: false, saveCheckpoint: false };
  return await onClaimedTarget(
    part,
    modules,
    async (session, claim, rounds) => {
      const { aim, marker } = rounds;
      const tiles = tilesOf(shard, fullTileCount(aim.size, 1));
      await rounds.beginParts(claim.checkpoint);
      session.progress.startPart(tiles.length * ENTRIES_PER_SEAL);
      await rounds.copyPart(tiles);
      const absentEntries = session.progress.total().get("prunedEntries");
      return await finish(session, aim, "part-copied", { minIndex: marker.minIndex, absentEntries });
    },
    { role: "shard" },
  );
}

/** The indexes of a shard among so many tiles. */
export function tilesOf({ index, count }: Shard, tiles: number): number[] {
  const length = Math.max(0, Math.ceil((tiles - (index - 1)) / count));
  return Array.from({ length }, (_, i) => index - 1 + i * count);
}
