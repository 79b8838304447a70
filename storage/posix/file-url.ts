/** URLs of directories on this machine. */

import { stat } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../lib/errors.ts";
import { shownAddress } from "../../lib/tlog/shown-address.ts";
import { errnoCode } from "./errno.ts";

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

/** Whether a URL names files of this machine, in whatever form: `file:`, `gzip+file:`. */
export function isOfFiles({ protocol }: URL): boolean {
  return /^(?:[a-z0-9.-]+\+)?file:$/.test(protocol);
}

/** @throws UsageError if the path does not exist or is not a directory. */
export async function requireDirectory(url: URL): Promise<void> {
  const directory = directoryOf(url);
  // Whatever else keeps it from being looked at is found out, and waited for, where it is read.
  const problem = await stat(directory).then(
    (found) => (found.isDirectory() ? undefined : "is not a directory"),
    (error) => (["ENOENT", "ENOTDIR"].includes(errnoCode(error) ?? "") ? "does not exist" : undefined),
  );
  if (problem === undefined) return;
  const name = relative(process.cwd(), directory);
  const advice = HOST_NAME.test(name)
    ? `Did you mean https://${name}/ (an address begins with its scheme)?`
    : "Name the directory that holds the log's checkpoint, or a URL";
  throw new UsageError({ object: directory, problem, advice });
}

/** What a path begins with that was meant as an address: a name with a dot, or localhost, and a port. */
const HOST_NAME = /^(?:localhost|(?:[a-z0-9-]+\.)+(?:[a-z]{2,63}|\d{1,3}))(?::\d{1,5})?(?:\/|$)/i;
