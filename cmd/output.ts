/** Standard output and standard error. */

import { OperationError, systemErrorWords } from "../lib/index.ts";

/** A reader that exits (`| head`) must not stop a copy: the broken pipe is ignored. */
export function surviveClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}

let hasResult = false;

/** Whether a result was written to standard output, or was to be. */
export function isResultWritten(): boolean {
  return hasResult;
}

/** Writes to standard output. @throws OperationError if it cannot, except where the reader has exited. */
export async function writeResult(text: string): Promise<void> {
  hasResult = true;
  const error = await new Promise<NodeJS.ErrnoException | null | undefined>((written) => {
    process.stdout.write(text, written);
  });
  if (!error || error.code === "EPIPE") return;
  const problem = `could not be written (${systemErrorWords(error)})`;
  throw new OperationError({ object: "standard output", problem }, { cause: error });
}

/**
 * A result as one line of JSON. Strings in it may come from a hostile log: characters that JSON allows but that act
 * on a terminal (C1 and bidirectional controls, other invisible characters) are escaped, which alters no value.
 */
export function jsonLine(result: object): string {
  // As JSON escapes them: two escapes beyond U+FFFF.
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const escapedAll = (characters: string) => characters.split("").map(escaped).join("");
  return `${JSON.stringify(result).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapedAll)}\n`;
}

export type Level = "debug" | "info" | "warn" | "error";
export type LineFormat = "text" | "json";

let format: LineFormat = "text";

/** Chooses how lines are written from now on. */
export function setLineFormat(chosen: LineFormat): void {
  format = chosen;
}

export function isTextFormat(): boolean {
  return format === "text";
}

/**
 * Writes one line to standard error. A log file has time and level in each; a failure has one form everywhere. As JSON the names are those of pino, which itself takes as long to load as Node to start.
 * @param facts more members of a line of JSON.
 */
export function writeLine(line: string, level: Level = "error", facts: object = {}): void {
  const time = new Date().toISOString();
  const asText =
    level === "error" || process.stderr.isTTY
      ? `tlog-migrate: ${line}\n`
      : `${time} ${level.toUpperCase().padEnd(5)} ${line}\n`;
  process.stderr.write(format === "json" ? jsonLine({ level, time, msg: line, ...facts }) : asText);
}
