/** Reads the private tree state of a target, and explains why one cannot be read. */

import { type ErrorFacts, type LogError, TargetRefusedError } from "../../errors.ts";
import { FormatError } from "../../tlog/errors.ts";
import type { TreeHead } from "../ports/source.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { FIND_WRITER } from "./refusals.ts";

/** The private tree state of a target. @throws Refusal if it cannot be read. */
export async function treeStateOf(
  target: MigrationTarget,
  Refusal: new (facts: ErrorFacts) => LogError = TargetRefusedError,
  advice = FIND_WRITER,
): Promise<TreeHead | undefined> {
  const tree = await readableTreeState(target);
  if (tree instanceof FormatError) throw new Refusal({ ...unreadableTreeState(target, tree), advice });
  return tree;
}

/** The private tree state of a target, or why it cannot be read. */
export async function readableTreeState(
  target: MigrationTarget,
): Promise<TreeHead | FormatError | undefined> {
  try {
    return await target.integratedTree();
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
}

/** The error for a tree state that cannot be read. */
export function unreadableTreeState(target: MigrationTarget, error: FormatError): ErrorFacts {
  const { message: problem, expected, found } = error;
  return { object: `${target.location}: the tree state`, problem, expected, found };
}
