/** URLs of directories on this machine. */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../lib/errors.ts";

/** The absolute path of `file:///…`, also with another scheme. @throws UsageError if it is not a file URL. */
export function directoryOf(url: URL): string {
  // A file URL has only a path: what follows these would be dropped, and another directory opened.
  if (/[?#]/.test(url.href)) {
    throw noFileUrl(url, "has ? or #, which end the path of a URL", "Write %3F for ? and %23 for #");
  }
  const path = localPath(url);
  if (path.includes("\0")) throw noFileUrl(url, "has %00, which no path can contain");
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
