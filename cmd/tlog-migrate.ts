#!/usr/bin/env node
/** The program. */

import { endProcess, errorText } from "./exit.ts";
import { surviveClosedOutput, writeLine } from "./output.ts";
import { newProgram } from "./program.ts";

// Log software that takes over a copy may run as another user: directories 0755, files 0644.
process.umask(0o022);
surviveClosedOutput();
process.on("uncaughtException", (error) => {
  report(error);
  endProcess(error);
});

const failure: unknown = await newProgram()
  .then((program) => program.parseAsync())
  .then(() => undefined, report);
await new Promise((flushed) => process.stdout.write("", flushed));
// A connection that was left open would keep a finished run alive.
endProcess(failure);

/** Shows the error, and returns it. */
function report(error: unknown): unknown {
  const text = errorText(error, process.env.TLOG_MIGRATE_DEBUG === "1");
  if (text !== undefined) writeLine(text);
  return error;
}
