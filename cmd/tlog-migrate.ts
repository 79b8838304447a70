#!/usr/bin/env node
/** The program. */

import { errorText, exitCodeOf } from "./exit.ts";
import { flushed, surviveClosedOutput, writeLine } from "./output.ts";
import { newProgram } from "./program.ts";

// The log software that takes a copy over may run as another user: directories 0755, files 0644.
process.umask(0o022);
surviveClosedOutput();
process.on("uncaughtException", (error) => process.exit(report(error)));

const exitCode = await newProgram()
  .then((program) => program.parseAsync())
  .then(() => 0, report);
await flushed();
// Not left to chance: a connection that somebody forgot would keep a finished run alive.
process.exit(exitCode);

/** Tells an error, and gives the exit code that it leads to. */
function report(error: unknown): number {
  const text = errorText(error, process.env.TLOG_MIGRATE_DEBUG === "1");
  if (text !== undefined) writeLine(text);
  return exitCodeOf(error);
}
