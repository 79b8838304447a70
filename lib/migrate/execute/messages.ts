/** The messages between the main thread and its workers. Entry bytes are never among them. */

import {
  type ErrorFacts,
  IncompleteSourceError,
  LogError,
  OperationError,
  TargetRefusedError,
  UsageError,
  VerificationError,
} from "../../errors.ts";
import { outsideFailure } from "../outside-failure.ts";
import type { UnitResult, WorkUnit } from "../ports/executor.ts";
import type { Retry } from "../throttle/backoff.ts";

/** To a worker: a unit to work on, or the order to stop, even with unfinished work. */
export type ToWorker = { readonly id: number; readonly unit: WorkUnit } | "stop";

/** From a worker: the outcome of a unit, or a retried request. */
export type FromWorker =
  | { readonly retry: Retry }
  | { readonly id: number; readonly result: UnitResult; readonly failure?: undefined }
  | { readonly id: number; readonly result?: undefined; readonly failure: WireFailure };

/** A failure in a form that crosses threads. */
export type WireFailure =
  | { readonly class: keyof typeof CLASSES; readonly facts: ErrorFacts }
  | { readonly class: "Error"; readonly message: string; readonly stack: string | undefined };

/** A class comes before the one that it extends. */
const CLASSES = {
  UsageError,
  OperationError,
  IncompleteSourceError,
  VerificationError,
  TargetRefusedError,
};

export function toWire(failure: unknown): WireFailure {
  const error = outsideFailure(failure);
  if (error instanceof LogError) {
    for (const [name, type] of Object.entries(CLASSES)) {
      if (error instanceof type) return { class: name as keyof typeof CLASSES, facts: error.facts };
    }
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { class: "Error", message, stack };
}

export function fromWire(failure: WireFailure): Error {
  if (failure.class !== "Error") return new CLASSES[failure.class](failure.facts);
  const error = new Error(failure.message);
  if (failure.stack !== undefined) error.stack = failure.stack;
  return error;
}
