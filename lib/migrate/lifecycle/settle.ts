/** Whether a source stays the same, which a handover waits for: a quiet source is not a frozen one. */

import { OperationError } from "../../errors.ts";
import { freezeLine } from "../../tlog/checkpoint.ts";
import { parseNote } from "../../tlog/note.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { HashTree, TreeHead } from "../ports/source.ts";
import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { CopySession } from "../session.ts";
import { grownBeyondHandover } from "../target/refusals.ts";
import { readSourceCheckpoint, requireGrownFrom } from "../target/source-checkpoint.ts";
import { pause } from "../throttle/pause.ts";
import type { Rounds } from "./rounds.ts";

/** How long the checkpoint must stay the same before the handover, in milliseconds. */
export const DEFAULT_SETTLE_MS = 5_000;

/** Meanwhile it is looked at so often: what it adds is copied before all of that time is over. */
const LOOK_MS = 1_000;

/** After so many rounds in which the source grows or signs the same tree again, its writer counts as running. */
const MAX_ROUNDS = 4;

/** A checkpoint that a run has seen. */
type SeenCheckpoint = TrustedCheckpoint & {
  /** Since when it has seen no other, as `performance.now()` has it. */
  readonly seenAt: number;
  /** Of a grown log: its tree, which begins with the known one. */
  readonly tree?: HashTree;
};

/** A log whose writer is alive cannot be handed over. */
export class WriterAliveError extends OperationError {}

/** How far to copy. */
export interface StillRules {
  /** What the run has seen of the source last. */
  readonly first: SeenCheckpoint;
  /** Whether a handover follows: the source must stay the same. */
  readonly handsOver: boolean;
  /** A handover that has begun is of its own size. */
  readonly handingOver?: boolean;
}

/**
 * Rounds of copying until the target has, and was found to have, all that the source has.
 * @throws WriterAliveError if a handover is to follow and the source goes on growing, or signing.
 */
export async function copyUntilStill(
  session: CopySession,
  rounds: Rounds,
  { first, handsOver, handingOver = false }: StillRules,
): Promise<void> {
  const { notice, snapshot } = session.options;
  let now = first;
  for (let round = 1; ; round++) {
    if (now.size > rounds.aim.size && !handingOver) {
      if (round > 1)
        notice?.(`The source has grown to ${formatCount(now.size)} entries: copying the new ones`);
      await rounds.raise(now, now.tree);
    }
    await rounds.copy();
    await rounds.check(session.context.signal);
    const { aim } = rounds;
    now = await settledCheckpoint(session, aim, now, handsOver);
    if (handingOver && now.size > aim.size) throw grownBeyondHandover(session.target, aim, now);
    if (now.size === aim.size || snapshot === true) return;
    if (round < MAX_ROUNDS) continue;
    if (handsOver) throw writerAlive(session, "the source still grows", aim, now);
    notice?.(
      `The source has grown to ${formatCount(now.size)} entries during this run: the next run copies the new ones`,
    );
    return;
  }
}

/**
 * Reads the source's checkpoint after a round, which must be of the same log. Before a handover, waits until it has
 * grown or has stayed the same for the settle time: a writer that signs the same tree again is still running. A log
 * that declares itself frozen needs no wait.
 */
async function settledCheckpoint(
  session: CopySession,
  aim: TrustedCheckpoint,
  before: SeenCheckpoint,
  handsOver: boolean,
): Promise<SeenCheckpoint> {
  const { options, context } = session;
  const { snapshot = false, settleMs = DEFAULT_SETTLE_MS } = options;
  let seen = before;
  for (let signed = 0; ; ) {
    const now = await readSourceCheckpoint(session, aim);
    if (now.size > aim.size) {
      const tree = await requireGrownFrom(session, aim, now);
      return { ...now, tree, seenAt: performance.now() };
    }
    const isSame = ownText(now) === ownText(seen);
    if (!isSame) seen = { ...now, seenAt: performance.now() };
    if (!handsOver || snapshot || freezeLine(now) !== undefined) return seen;
    const waitMs = seen.seenAt + settleMs - performance.now();
    if (isSame && waitMs <= 0) return seen;
    if (!isSame && ++signed > MAX_ROUNDS) {
      throw writerAlive(session, "the source signs the same tree again and again", aim, now);
    }
    session.progress.phase = "waiting for the source to stay the same";
    await pause(Math.max(0, Math.min(waitMs, LOOK_MS)), context.signal);
  }
}

/**
 * The text of a checkpoint and the log's own signatures, sorted: replicas may add cosignatures of witnesses at any time
 * and in any order.
 */
function ownText(checkpoint: TrustedCheckpoint): string {
  const { text, signatures } = parseNote(checkpoint.note);
  const names = new Set([checkpoint.origin, ...checkpoint.own.map(({ verifier }) => verifier.name)]);
  const own = signatures.filter(({ name }) => names.has(name));
  return [text, ...own.map(({ signature }) => Buffer.from(signature).toString("base64")).sort()].join("\n");
}

export function writerAlive(
  { context }: CopySession,
  problem: string,
  aim: TreeHead,
  now: TreeHead,
): WriterAliveError {
  return new WriterAliveError({
    object: context.source.location,
    problem: `${problem}: its writer is alive, so the log cannot be handed over`,
    expected: `size ${formatCount(aim.size)}, which is copied and checked, and no new checkpoint`,
    found: `a new checkpoint of size ${formatCount(now.size)}`,
    advice:
      "Stop its writer permanently and run the same command again; for a mirror, which no log software takes over, pass --snapshot",
  });
}
