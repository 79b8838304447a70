#!/usr/bin/env node
/** The program. */

import { endProcess } from "./exit.ts";
import { surviveClosedOutput } from "./output.ts";
import { newProgram, withoutUnknownHelp } from "./program.ts";
import { reportFailure } from "./report/failure.ts";
import { replaceWarnings } from "./warnings.ts";

// Log software that takes over a copy may run as another user: directories 0755, files 0644.
process.umask(0o022);
replaceWarnings();
surviveClosedOutput();
process.on("uncaughtException", (error) => {
  reportFailure(error);
  endProcess(error);
});

const failure: unknown = await newProgram()
  .then((program) => program.parseAsync(withoutUnknownHelp(program, process.argv.slice(2)), { from: "user" }))
  .then(() => undefined, reportFailure);
await new Promise((flushed) => process.stdout.write("", flushed));
// A connection that was left open would keep a finished run alive.
endProcess(failure);
