/** Reading the file that `--log-list` names. */

import { closeSync, openSync, readSync } from "node:fs";
import { FormatError, type LogList, parseLogList, UsageError } from "../../lib/index.ts";
import { systemErrorWords } from "../system-error.ts";

/** A hundred times the largest list of today. */
const MAX_LIST_BYTES = 20_000_000;

/** The option with its value, as messages name it. */
export function listName(path: string): string {
  return `--log-list ${path}`;
}

/** @throws UsageError if the file cannot be read or is no log list. */
export function readLogList(path: string): LogList {
  const json = readText(path);
  try {
    return parseLogList(json);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { message: problem, expected, found } = error;
    throw new UsageError({ object: listName(path), problem, expected, found }, { cause: error });
  }
}

function readText(path: string): string {
  const bytes = readAtMost(path, MAX_LIST_BYTES + 1);
  if (bytes.length <= MAX_LIST_BYTES) return bytes.toString("utf8");
  throw new UsageError({
    object: listName(path),
    problem: "is too large for a log list",
    expected: `≤ ${MAX_LIST_BYTES} bytes`,
  });
}

/** Reads to the end rather than to a size that was told: it may be a pipe. */
function readAtMost(path: string, most: number): Buffer {
  const buffer = Buffer.allocUnsafe(most);
  let length = 0;
  try {
    const file = openSync(path, "r");
    try {
      for (let read = -1; read !== 0 && length < most; ) {
        read = readSync(file, buffer, length, most - length, null);
        length += read;
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const problem = `cannot be read (${systemErrorWords(error)})`;
    throw new UsageError({ object: listName(path), problem }, { cause: error });
  }
  return buffer.subarray(0, length);
}
