/** A migration, from the top down: the order in which a log is moved. */

import { formatCount } from "../tlog/quantities.ts";
import { checkMigration } from "./check-options.ts";
import { onClaimedTarget } from "./claimed.ts";
import { finish, handOver } from "./handover.ts";
import type { MigrationOptions } from "./options.ts";
import type { BackendModules } from "./ports/backend.ts";
import type { MigrationReport } from "./report.ts";
import type { Rounds } from "./rounds.ts";
import type { CopySession } from "./session.ts";
import { MAX_ROUNDS, type SeenCheckpoint, settledCheckpoint, writerAlive } from "./settle.ts";
import { type Claim, grownBeyondHandover } from "./target/claim.ts";

/**
 * Moves a log. Resolves when the target is handed over, or is as far as the options say.
 * @param modules of the backends, by which each thread opens source and target.
 * @throws LogError of the kind that the command's exit code follows from, or the signal's reason.
 */
export async function migrate(options: MigrationOptions, modules: BackendModules): Promise<MigrationReport> {
  checkMigration(options);
  return await onClaimedTarget(options, modules, fillAndHandOver);
}

/**
 * Rounds of copying until the target has all that the source has; then the handover, where it is asked for. A resume
 * whose source has grown aims at the grown log at once: the source may not serve the old right edge any more.
 */
async function fillAndHandOver(session: CopySession, claim: Claim, rounds: Rounds): Promise<MigrationReport> {
  const { options } = session;
  let now: SeenCheckpoint = { ...claim.checkpoint, seenAt: performance.now() };
  for (let round = 1; ; round++) {
    // A handover that has begun is of its own size.
    if (now.size > rounds.aim.size && !claim.handingOver) {
      if (round > 1)
        options.notice?.(`The source has grown to ${formatCount(now.size)} entries: copying the new ones`);
      await rounds.raise(now, now.tree);
    }
    await rounds.copy();
    await rounds.check();
    const { aim } = rounds;
    now = await settledCheckpoint(session, aim, now);
    if (claim.handingOver && now.size > aim.size) throw grownBeyondHandover(session.target, aim, now);
    if (now.size === aim.size || options.snapshot === true) break;
    if (round < MAX_ROUNDS) continue;
    if (options.handOver === true) throw writerAlive(session, "the source still grows", aim, now);
    options.notice?.(
      `The source has grown to ${formatCount(now.size)} entries meanwhile: the next run copies the new ones`,
    );
    break;
  }
  const pruned = await rounds.settlePruned();
  if (rounds.hasGaps) options.notice?.(GAPS, "warning");
  if (options.handOver !== true) return await finish(session, rounds.aim, "ready-for-handover", pruned);
  await handOver(session, rounds.aim, rounds.marker, pruned);
  return await finish(session, rounds.aim, "handed-over", pruned);
}

const GAPS =
  "Bundles below the minimum index are missing after some that exist, and pruning cuts off the beginning of a log: if the " +
  "source was only busy or denied access for a while, the same command copies them";
