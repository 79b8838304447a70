/**
 * Merkle trees as RFC 6962 section 2.1 writes them down, slow and plain: what lib/tlog is held against. Shares
 * no code with it.
 */

import { createHash } from "node:crypto";

export function naiveLeafHash(leaf: Uint8Array): Uint8Array {
  return createHash("sha256").update(Uint8Array.of(0)).update(leaf).digest();
}

export function naiveNodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash("sha256").update(Uint8Array.of(1)).update(left).update(right).digest();
}

/** MTH of a list of leaf hashes: split at the largest power of two smaller than its length. */
export function naiveRoot(leafHashes: readonly Uint8Array[]): Uint8Array {
  const [only] = leafHashes;
  if (only === undefined) return createHash("sha256").digest();
  if (leafHashes.length === 1) return only;
  let split = 1;
  while (split * 2 < leafHashes.length) split *= 2;
  return naiveNodeHash(naiveRoot(leafHashes.slice(0, split)), naiveRoot(leafHashes.slice(split)));
}

/** The same root, kept up to date while leaves are appended: a stack of perfect trees, as a counter in binary. */
export class AppendedTree {
  size = 0;
  readonly #peaks: { readonly hash: Uint8Array; readonly leaves: number }[] = [];

  append(leafHash: Uint8Array): void {
    this.#push({ hash: leafHash, leaves: 1 });
  }

  /** Appends a perfect tree of as many leaves as every tree before it, or more. */
  appendPerfect(hash: Uint8Array, leaves: number): void {
    this.#push({ hash, leaves });
  }

  root(): Uint8Array {
    const [last, ...others] = this.#peaks.toReversed();
    if (last === undefined) return naiveRoot([]);
    return others.reduce((right, left) => naiveNodeHash(left.hash, right), last.hash);
  }

  #push(tree: { readonly hash: Uint8Array; readonly leaves: number }): void {
    this.size += tree.leaves;
    let merged = tree;
    for (let left = this.#peaks.at(-1); left?.leaves === merged.leaves; left = this.#peaks.at(-1)) {
      this.#peaks.pop();
      merged = { hash: naiveNodeHash(left.hash, merged.hash), leaves: 2 * merged.leaves };
    }
    this.#peaks.push(merged);
  }
}
