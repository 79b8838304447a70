/**
 * Who works on the units of a log: threads of this process, or machines that a job queue reaches. Units and results
 * are plain data that survives JSON.
 */

import type { EntryBundleCoordinate } from "../../tlog/layout.ts";

/** Consecutive full bundles below one level-1 tile. */
export interface BundleRun {
  readonly kind: "run";
  readonly firstBundle: number;
  /** The hash that each bundle must fold to, in base64. */
  readonly hashes: readonly string[];
  /**
   * Whether it is likely that nothing of it is in the target: then its first tile decides whether the rest is looked for.
   * What is there all the same is read from the source once more, and stored again with the same bytes.
   */
  readonly isLikelyNew?: boolean;
}

/** The partial bundle at the right edge. */
export interface EdgeBundle {
  readonly kind: "edge";
  readonly bundle: EntryBundleCoordinate;
  /** The leaf hashes that it must have, one after the other, in base64. */
  readonly leafHashes: string;
}

/** A part of a log, with the hashes that authenticate it. */
export type WorkUnit = BundleRun | EdgeBundle;

/** An issuer that entries name and that is available; in a copy, it is durable in the target. */
export interface PresentIssuer {
  /** SHA-256 of its DER, in lower-case hexadecimal: its name in `issuer/`. */
  readonly fingerprint: string;
  /** Index of the first known entry that names it. */
  readonly entry: number;
  /** Length of its DER. */
  readonly bytes: number;
}

/** An issuer that entries name and that is unavailable. */
export interface MissingIssuer extends Omit<PresentIssuer, "bytes"> {
  /** Why, as a clause: it is missing, or its bytes are something else. */
  readonly problem: string;
}

export type NamedIssuer = PresentIssuer | MissingIssuer;

/** An object that is not what the tree commits to, or that is missing. */
export interface Finding {
  readonly path: string;
  readonly problem: string;
}

/** The facts of a unit: they depend only on the unit, not on earlier work of the worker. */
export interface UnitResult {
  /** Static CT only: every issuer that entries of the unit name, each once. */
  readonly issuers: readonly NamedIssuer[];
  /** Faults found by a verification; a copy fails at the first instead. */
  readonly findings: readonly Finding[];
}

export interface Executor {
  /**
   * Works on every unit at least once, and yields each with its result, in any order. Runs may overlap; after one that
   * failed or that was not read to its end, nothing is left but `close`.
   * @throws the first failure of a unit or of `units`, or the signal's reason; units under way are left to `close`.
   */
  run(units: AsyncIterable<WorkUnit>, signal: AbortSignal): AsyncIterable<readonly [WorkUnit, UnitResult]>;
  /** Drops what is unfinished, so that nothing of it stays in the target, and resolves when no work is under way. */
  close(): Promise<void>;
}
