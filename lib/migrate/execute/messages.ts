/** What the main thread and its workers tell each other. Entry bytes are never among it. */

import {
  type ErrorFacts,
  LogError,
  OperationError,
  TargetRefusedError,
  UsageError,
  VerificationError,
} from "../../errors.ts";
import type { IssuerAnswer, IssuerQuestion } from "../issuers/cache.ts";

/** From the main thread: a unit to work on; what a worker asked for; or that nothing more is wanted, finished or not. */
export type ToWorker<Unit> =
  | { readonly kind: "unit"; readonly id: number; readonly unit: Unit }
  | { readonly kind: "answer"; readonly id: number; readonly answer: IssuerAnswer }
  | { readonly kind: "stop" };

/** From a worker: how a unit ended; or a question, in an order of its own. */
export type FromWorker<Result> =
  | { readonly kind: "question"; readonly id: number; readonly question: IssuerQuestion }
  | { readonly kind: "done"; readonly id: number; readonly result: Result }
  | { readonly kind: "failed"; readonly id: number; readonly failure: WireFailure };

/** A failure in a form that crosses threads. */
export type WireFailure =
  | { readonly class: keyof typeof CLASSES; readonly facts: ErrorFacts }
  | { readonly class: "Error"; readonly message: string; readonly stack: string | undefined };

const CLASSES = { UsageError, OperationError, VerificationError, TargetRefusedError };

export function toWire(error: unknown): WireFailure {
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
