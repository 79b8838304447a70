/** What a failed system call on a file means to an operator. */

import { OperationError } from "../../lib/errors.ts";
import { WriteAgainError } from "../../lib/migrate/ports/target.ts";

const MEANINGS: Record<string, { problem: string; advice: string }> = {
  ENOSPC: {
    problem: "the disk is full (no space or no inodes left)",
    advice: "Free some space and run the same command again, it goes on where it stopped",
  },
  EDQUOT: {
    problem: "the disk quota is used up",
    advice: "Raise it and run the same command again, it goes on where it stopped",
  },
  EACCES: { problem: "permission denied", advice: "Check the owner and the mode of the directory" },
  EPERM: {
    problem: "the operation is not permitted",
    advice: "Check the owner and the mode of the directory",
  },
  EROFS: { problem: "the file system is read-only", advice: "Mount it writable, or choose another target" },
  ENOTDIR: { problem: "a part of the path is not a directory", advice: "Name a directory" },
  EISDIR: {
    problem: "is a directory where a file should be",
    advice: "Check what it is, then move it away",
  },
  ENOENT: {
    problem: "no such file or directory, and it cannot be created",
    advice: "Check the path, and that its file system is still mounted",
  },
  EEXIST: {
    problem: "exists and is not a directory",
    advice: "Check what it is: it may be a dangling link, or a missing mount",
  },
  EXDEV: {
    problem: "a part of the target is on another file system",
    advice: "Choose a target that is on one file system as a whole",
  },
  ENAMETOOLONG: { problem: "the path is too long", advice: "Choose a shorter one" },
  ELOOP: { problem: "too many symbolic links", advice: "Name the directory itself" },
  EMFILE: { problem: "too many open files", advice: "Raise `ulimit -n`, or lower --concurrency" },
  EIO: {
    problem: "the disk reports an input/output error",
    advice: "Check the disk; the next run writes again what is not known to be durable",
  },
};

/** The code of a failed system call, undefined for any other error. */
export function errnoCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** An OperationError about `path`; an error that is not a failed system call is rethrown. */
export function fileFailure(error: unknown, path: string): OperationError {
  const code = errnoCode(error);
  if (code === undefined || !(error instanceof Error)) throw error;
  const meaning = MEANINGS[code];
  // After a failed fsync it is unknown what is on the disk.
  const Failure = code === "EIO" ? WriteAgainError : OperationError;
  return new Failure(
    { object: path, problem: meaning?.problem ?? error.message, advice: meaning?.advice },
    { cause: error },
  );
}

/** Runs `work` on `path`, turning a failed system call into an OperationError. */
export async function onFile<T>(path: string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileFailure(error, path);
  }
}
