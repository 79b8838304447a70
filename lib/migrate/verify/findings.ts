/** The faults that a verification has found, counted by object; the first ones are kept. */

import { type ErrorFacts, LogError, OperationError } from "../../errors.ts";
import { FormatError } from "../../tlog/errors.ts";
import type { Finding } from "../ports/executor.ts";

/** Number of faults that are kept in full. */
const KEPT = 100;

/** Number of faulty paths that are kept, so that an object with two faults counts once. */
const REMEMBERED = 1_000_000;

export class Findings {
  readonly #paths = new Set<string>();
  readonly #kept: Finding[] = [];
  /** Missing issuers by path, each with the first known entry that names it. */
  readonly entries = new Map<string, number>();
  /** The number of objects with a fault. */
  count = 0;

  add({ path, problem }: Finding): void {
    if (this.#paths.has(path)) return;
    if (this.#paths.size < REMEMBERED) this.#paths.add(path);
    this.count++;
    if (this.#kept.length < KEPT) this.#kept.push({ path, problem });
  }

  addAll(findings: readonly Finding[]): void {
    for (const finding of findings) this.add(finding);
  }

  /** The paths of objects with a fault, the first million of them. */
  get paths(): ReadonlySet<string> {
    return this.#paths;
  }

  /** The first faults that were found, by path. */
  first(): Finding[] {
    return this.#kept.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  }
}

/** Runs a check of one object: a fault becomes a finding, a source that cannot be read remains a failure. */
export async function findings(path: string, check: () => Promise<unknown> | unknown): Promise<Finding[]> {
  try {
    await check();
    return [];
  } catch (error) {
    const { object = path, problem, expected, found } = factsOf(error);
    const comparison = expected === undefined ? "" : ` (expected ${expected}, found ${found ?? "nothing"})`;
    // If an object consists of parts, one of them may be faulty.
    const part = object.startsWith(path) ? "" : `${object}: `;
    return [{ path, problem: `${part}${problem}${comparison}` }];
  }
}

function factsOf(error: unknown): Partial<ErrorFacts> & Pick<ErrorFacts, "problem"> {
  if (!(error instanceof FormatError)) return faultOf(error).facts;
  const { message: problem, expected, found } = error;
  return { problem, expected, found };
}

/** A failure as a fault of the log. @throws all other failures: a source that cannot be read says nothing about the log. */
export function faultOf(error: unknown): LogError {
  if (!(error instanceof LogError) || error instanceof OperationError) throw error;
  return error;
}
