/** The faults that a verification has found: counted by object, the first of them kept. */

import { LogError, OperationError } from "../../errors.ts";
import type { Finding } from "../ports/executor.ts";

/** Faults that are kept whole. */
const KEPT = 100;

/** Faulty paths that are remembered, so that an object with two faults counts once. */
const REMEMBERED = 1_000_000;

export class Findings {
  readonly #paths = new Set<string>();
  #kept: Finding[] = [];
  #count = 0;

  /** Objects with a fault. */
  get count(): number {
    return this.#count;
  }

  add(finding: Finding): void {
    if (this.#paths.has(finding.path)) return;
    if (this.#paths.size < REMEMBERED) this.#paths.add(finding.path);
    this.#count++;
    if (this.#kept.length < KEPT) this.#kept.push(finding);
  }

  addAll(findings: readonly Finding[]): void {
    for (const finding of findings) this.add(finding);
  }

  /** The first faults that were found, by path. */
  first(): Finding[] {
    this.#kept = this.#kept.toSorted((a, b) => (a.path < b.path ? -1 : 1));
    return [...this.#kept];
  }
}

/** Runs a check of one object: a fault becomes a finding, a source that cannot be read remains a failure. */
export async function findings(path: string, check: () => Promise<unknown>): Promise<Finding[]> {
  try {
    await check();
    return [];
  } catch (error) {
    if (!(error instanceof LogError) || error instanceof OperationError) throw error;
    const { problem, expected, found } = error.facts;
    const comparison = expected === undefined ? "" : ` (expected ${expected}, found ${found ?? "nothing"})`;
    return [{ path, problem: `${problem}${comparison}` }];
  }
}
