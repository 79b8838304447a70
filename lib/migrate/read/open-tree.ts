/** The tree of a source, read with the retries of a context. */

import type { HashTree, TileRecovery, TreeHead } from "../tree/hash-tree.ts";
import type { ReadContext } from "./context.ts";
import { readAuthentic } from "./retry.ts";

/** @throws VerificationError if the source does not give the root, and `recovery` does not find it either. */
export function openTree(context: ReadContext, head: TreeHead, recovery?: TileRecovery): Promise<HashTree> {
  return context.source.openTree(
    head,
    (path, read, authenticate) => readAuthentic(context, path, read, authenticate),
    recovery,
  );
}
