/** Explains to the operator why a worker thread ended. */

import { OperationError } from "../../errors.ts";
import { openFilesAdvice } from "../open-files.ts";

/** @param error with which the thread ended: for a failed system call, Node passes on little more than the message. */
export function threadFailure(error: unknown): OperationError {
  const cause = error instanceof Error ? error : new Error(String(error));
  const [object, problem, advice] = factsOf(cause.message);
  return new OperationError({ object, problem, advice }, { cause });
}

function factsOf(message: string): [object: string, problem: string, advice: string] {
  if (message.includes("uv_cwd")) {
    const problem = "was removed, and no thread can start in it";
    return ["the working directory", problem, "Change to one that exists and run the same command again"];
  }
  if (/EMFILE|too many open files/i.test(message)) {
    return ["a worker thread", "cannot start: too many open files", openFilesAdvice()];
  }
  const advice =
    "Run the same command again: it continues where it stopped; if it was memory, lower --concurrency";
  return ["a worker thread", `failed: ${message}`, advice];
}
