/** What is reported of an outage that is waited for: when it lasts, now and then, and when it is over. */

import { IncompleteSourceError, OperationError } from "../../errors.ts";
import type { Notice } from "../report/notice.ts";

/** Shorter ones are nobody's business. */
const REPORTED_AFTER_MS = 10_000;
const REPEATED_EVERY_MS = 3_600_000;

/** Whether a failure of a source or a target is waited for. A wrong signature, or wrong bytes, are not. */
export function mayPass(error: unknown): error is OperationError | IncompleteSourceError {
  return error instanceof OperationError || error instanceof IncompleteSourceError;
}

export class OutageReporter {
  readonly #notice: Notice;
  #since: number | undefined;
  #reportedAt: number | undefined;

  constructor(notice: Notice = () => {}) {
    this.#notice = notice;
  }

  /** Since when it lasts, as `performance.now()` has it; undefined if there is none. */
  get since(): number | undefined {
    return this.#since;
  }

  failed(error: Error): void {
    const now = performance.now();
    this.#since ??= now;
    const isDue =
      this.#reportedAt === undefined
        ? now - this.#since >= REPORTED_AFTER_MS
        : now - this.#reportedAt >= REPEATED_EVERY_MS;
    if (!isDue) return;
    this.#reportedAt = now;
    this.#notice(
      `Waiting for what is unavailable, ${this.#duration(now)} by now: ${error.message}`,
      "warning",
    );
  }

  ended(): void {
    if (this.#reportedAt !== undefined)
      this.#notice(`It is available again, after ${this.#duration(performance.now())}`);
    this.#since = undefined;
    this.#reportedAt = undefined;
  }

  #duration(now: number): string {
    const seconds = Math.round((now - (this.#since ?? now)) / 1000);
    if (seconds < 120) return `${seconds} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
  }
}
