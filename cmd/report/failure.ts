/** How a run that failed ends: a line on standard error and, with `--json`, a document on standard output. */

import { errorDocument, errorText } from "../exit.ts";
import { isResultWritten, jsonLine, writeLine } from "../output.ts";

/** Shows an error that ended the run, and returns it. */
export function reportFailure(error: unknown): unknown {
  const text = errorText(error, process.env.TLOG_MIGRATE_DEBUG === "1");
  if (text !== undefined) writeLine(text, "error", errorDocument(error));
  const document = asksForJson(process.argv.slice(2)) ? errorDocument(error) : undefined;
  // A verification has printed its report, with the error in it.
  if (document !== undefined && !isResultWritten()) process.stdout.write(jsonLine(document));
  return error;
}

/** Whether `--json` is among the arguments: what cannot be parsed has no options. */
function asksForJson(given: readonly string[]): boolean {
  const end = given.indexOf("--");
  return given.slice(0, end === -1 ? given.length : end).includes("--json");
}
