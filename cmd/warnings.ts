/**
 * Warnings of Node and of libraries, which are for programmers: what concerns the operator is reported in our words.
 * `TLOG_MIGRATE_DEBUG=1` shows all of them as they are.
 */

import { writeLine } from "./output.ts";

const NO_CERTIFICATES =
  "NODE_TLS_REJECT_UNAUTHORIZED=0 is set: no certificate is checked, and whoever is on the way can show an old " +
  "log or none. Unset it; --ca trusts an authority of your own";

/** Call it before anything can warn. */
export function replaceWarnings(): void {
  if (process.env.TLOG_MIGRATE_DEBUG === "1") return;
  // For the threads, which look when they start, and warn of the same.
  process.env.NODE_NO_WARNINGS = "1";
  process.removeAllListeners("warning");
  process.on("warning", ({ message }) => {
    // Once a process. Others are about what fails anyhow, such as a cloud's metadata server, about Node itself, or about
    // listeners that a library has put on a stream of its own.
    if (message.includes("NODE_TLS_REJECT_UNAUTHORIZED")) writeLine(NO_CERTIFICATES, "warn");
  });
}
