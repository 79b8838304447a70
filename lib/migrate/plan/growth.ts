/** How fast a source grows while it is planned to copy it. */

import { freezeLine } from "../../tlog/checkpoint.ts";
import { equalBytes, formatHash } from "../../tlog/merkle.ts";
import { formatCount } from "../../tlog/quantities.ts";
import { DEFAULT_SETTLE_MS } from "../lifecycle/settle.ts";
import { readTrustedCheckpoint, type TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import { type CopySession, checkpointContext } from "../session.ts";
import { otherLog, requireGrownFrom } from "../target/source-checkpoint.ts";
import { pause } from "../throttle/pause.ts";

/** Looks at the checkpoint again, the settle time after it was read first. */
export async function seenGrowth(
  session: CopySession,
  before: TrustedCheckpoint,
  readAt: number,
): Promise<{ readonly perSecond: number; readonly warnings: readonly string[] }> {
  const { options, context, progress } = session;
  const { settleMs = DEFAULT_SETTLE_MS, policy, handOver, snapshot } = options;
  const still = { perSecond: 0, warnings: [] };
  if (freezeLine(before) !== undefined) return still;
  progress.phase = "waiting for the source to stay the same";
  await pause(Math.max(0, readAt + settleMs - performance.now()), context.signal);
  const now = await readTrustedCheckpoint(checkpointContext(session), policy);
  const seconds = (performance.now() - readAt) / 1000;
  if (now.size < before.size) {
    const problem = `The source's checkpoint was of size ${formatCount(before.size)}, and then of ${formatCount(now.size)}: a cache or a replica is behind`;
    return { perSecond: 0, warnings: [problem] };
  }
  if (now.size === before.size) {
    if (equalBytes(now.rootHash, before.rootHash)) return still;
    const problem = `the log forked: at size ${formatCount(now.size)} it had another root before`;
    throw otherLog(context.source.location, problem, formatHash(before.rootHash), formatHash(now.rootHash));
  }
  await requireGrownFrom(session, before, now);
  const perSecond = (now.size - before.size) / seconds;
  const handover =
    handOver === true && snapshot !== true
      ? ": its writer is alive, so a copy with --handover would not hand it over"
      : "";
  return { perSecond, warnings: [`The source grows by ${perSecond.toFixed(1)} entries a second${handover}`] };
}
