/** URLs of directories on this machine. */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../lib/errors.ts";
import { shownAddress } from "../../lib/tlog/shown-address.ts";

/** The absolute path of `file:///…`, also with another scheme. @throws UsageError if it is not a file URL. */
export function directoryOf(url: URL): string {
  const refused = (problem: string, advice = `Write it as ${url.protocol}///path`): UsageError =>
    new UsageError({ object: shownAddress(url.href), problem, advice });
  // A file URL has only a path: what follows these would be dropped, and another directory opened.
  if (/[?#]/.test(url.href)) {
    throw refused("has ? or #, which end the path of a URL", "Write %3F for ? and %23 for #");
  }
  if (/%00/.test(url.pathname)) throw refused("has %00, which no path can contain");
  try {
    return resolve(fileURLToPath(`file:${url.href.slice(url.protocol.length)}`));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw refused(`is not a file URL of this machine (${reason})`);
  }
}
