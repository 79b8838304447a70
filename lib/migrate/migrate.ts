/** A migration from top to bottom: the order of the steps that move a log. */

import { onClaimedTarget } from "./lifecycle/claimed.ts";
import { finish, handOver } from "./lifecycle/handover.ts";
import type { Rounds } from "./lifecycle/rounds.ts";
import { copyUntilStill } from "./lifecycle/settle.ts";
import { checkMigration } from "./options/check-options.ts";
import type { MigrationOptions } from "./options/options.ts";
import type { BackendModules } from "./ports/backend.ts";
import type { OpenQueue } from "./ports/work-queue.ts";
import { divided } from "./queue/divide.ts";
import type { MigrationReport } from "./report/report.ts";
import type { CopySession } from "./session.ts";
import type { Claim } from "./target/claim.ts";

/**
 * Moves a log. Resolves when the target is handed over, or has reached the state that the options ask for.
 * @param modules of the backends, with which each thread opens source and target.
 * @param openQueue opens the queue by which the work is divided, where the options name one.
 * @throws LogError of the kind that the command's exit code follows from, or the signal's reason.
 */
export async function migrate(
  options: MigrationOptions,
  modules: BackendModules,
  openQueue: OpenQueue,
): Promise<MigrationReport> {
  checkMigration(options);
  const { queue: url } = options;
  const work = (session: CopySession, claim: Claim, rounds: Rounds) =>
    divided(session, claim, rounds, { url, openQueue }, () => fillAndHandOver(session, claim, rounds));
  return await onClaimedTarget(options, modules, work, { role: url === undefined ? "alone" : "leader" });
}

/**
 * Rounds of copying until the target has all that the source has; then the handover, where it is asked for. A resume
 * whose source has grown aims at the grown log at once: the source may not serve the old right edge any more.
 */
async function fillAndHandOver(session: CopySession, claim: Claim, rounds: Rounds): Promise<MigrationReport> {
  const { options } = session;
  const first = { ...claim.checkpoint, seenAt: performance.now() };
  const handsOver = options.handOver === true;
  await copyUntilStill(session, rounds, { first, handsOver, handingOver: claim.handingOver });
  const pruned = await rounds.end();
  if (!handsOver) return await finish(session, rounds.aim, "ready-for-handover", pruned);
  await handOver(session, rounds.aim, rounds.marker, pruned);
  return await finish(session, rounds.aim, "handed-over", pruned);
}
