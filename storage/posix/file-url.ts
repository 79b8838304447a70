/** URLs that name a directory of this machine. */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../lib/errors.ts";

/** The absolute path that `file:///…`, or another scheme in its place, names. @throws UsageError if it names none. */
export function directoryOf(url: URL): string {
  // A file URL names a path alone: what follows these would be dropped, and another directory opened.
  if (/[?#]/.test(url.href)) {
    throw noFileUrl(url, "has ? or #, which end the path of a URL", "Write %3F for ? and %23 for #");
  }
  const path = localPath(url);
  if (path.includes("\0")) throw noFileUrl(url, "has %00, which no path can hold");
  return path;
}

function localPath(url: URL): string {
  try {
    return resolve(fileURLToPath(`file:${url.href.slice(url.protocol.length)}`));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw noFileUrl(url, `is not a file URL of this machine (${reason})`);
  }
}

function noFileUrl(url: URL, problem: string, advice = `Write it as ${url.protocol}///path`): UsageError {
  return new UsageError({ object: url.href, problem, advice });
}
