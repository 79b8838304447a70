/** File operations of the program that never return, as on a file system that is gone. */

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "./places/directory.ts";

/**
 * The environment in which the main thread of the program, or its workers, run this code first, with `fs`, and `fifo`,
 * which open(2) waits for.
 */
export function hangingFiles(code: string, threads: "main" | "workers" = "main"): Record<string, string> {
  const directory = temporaryDirectory();
  const [fifo, module] = [join(directory, "fifo"), join(directory, "hangs.mjs")];
  execFileSync("mkfifo", [fifo]);
  const lines = [
    'import fs from "node:fs";',
    'import { syncBuiltinESMExports } from "node:module";',
    'import { isMainThread } from "node:worker_threads";',
    `const fifo = ${JSON.stringify(fifo)};`,
    `if (isMainThread === ${threads === "main"}) { ${code} }`,
    "syncBuiltinESMExports();",
  ];
  writeFileSync(module, lines.join("\n"));
  return { NODE_OPTIONS: `--import=${module}` };
}
