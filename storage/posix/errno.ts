/** Messages and advice for failed system calls on files. */

import { OperationError, systemErrorWords } from "../../lib/errors.ts";
import { openFilesAdvice } from "../../lib/migrate/open-files.ts";
import { WriteAgainError } from "../../lib/migrate/ports/target.ts";

const CHECK_OWNER = "Check the owner and the mode of the directory";

/** What is wrong, and what to do. */
const MEANINGS: Record<string, readonly [problem: string, advice: string]> = {
  ENOSPC: [
    "the disk is full (no space or no inodes left)",
    "Free some space and run the same command again: it continues where it stopped",
  ],
  EDQUOT: [
    "the disk quota is used up",
    "Raise it and run the same command again: it continues where it stopped",
  ],
  EACCES: ["permission denied", CHECK_OWNER],
  EPERM: ["the operation is not permitted", CHECK_OWNER],
  EROFS: ["the file system is read-only", "Mount it writable, or choose another target"],
  ENOTDIR: ["a part of the path is not a directory", "Name a directory"],
  EISDIR: ["is a directory where a file should be", "Check what it is, then move it away"],
  ENOENT: [
    "no such file or directory, and it cannot be created",
    "Check the path, and that its file system is still mounted",
  ],
  EEXIST: [
    "exists and is not a directory",
    "Check what it is: it may be a dangling link, or a missing mount",
  ],
  EXDEV: [
    "a part of the target is on another file system",
    "Choose a target that is entirely on one file system",
  ],
  ENAMETOOLONG: ["the path is too long", "Choose a shorter one"],
  ELOOP: ["too many symbolic links", "Name the directory itself"],
  ENFILE: ["too many open files on this machine", "Close some, or raise its limit (fs.file-max)"],
  EIO: [
    "the disk reports an input/output error",
    "Check the disk; the next run writes all objects again that may not be durable",
  ],
};

/** The code of a failed system call, undefined for any other error. */
export function errnoCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What `read` returns, undefined if it fails with one of the codes. */
export function ifPresent<T>(read: () => T, codes: readonly string[] = ["ENOENT"]): T | undefined {
  try {
    return read();
  } catch (error) {
    if (codes.includes(errnoCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** An OperationError about `path`; an error that is not a failed system call is rethrown. */
export function fileFailure(error: unknown, path: string): OperationError {
  const code = errnoCode(error);
  if (code === undefined || !(error instanceof Error)) throw error;
  const [problem, advice] =
    code === "EMFILE"
      ? ["too many open files", openFilesAdvice()]
      : (MEANINGS[code] ?? [systemErrorWords(error)]);
  // After a failed fsync it is unknown what is on the disk.
  const Failure = code === "EIO" ? WriteAgainError : OperationError;
  return new Failure({ object: path, problem, advice }, { cause: error });
}

/** Runs `work` on `path`, turning a failed system call into an OperationError. */
export async function onFile<T>(path: string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileFailure(error, path);
  }
}
