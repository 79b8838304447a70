/**
 * What a source has next to the log that was copied: partial objects that fuller ones have replaced, and objects that
 * nothing commits to, such as a log's names tiles, its configuration or its roots. A mirror that serves them too, or log
 * software that is configured by them, has to get them from there.
 */

import { CHECKPOINT_PATH, parseResourcePath } from "../tlog/layout.ts";
import type { CopySession } from "./session.ts";
import { isOfTree } from "./target/listing-check.ts";

export interface NotCopied {
  readonly obsoletePartials: number;
  readonly otherObjects: number;
  /** Of both. */
  readonly bytes: number;
  /** Paths of some of the other objects. */
  readonly examples: readonly string[];
  /** There are more: it was not counted further. */
  readonly isIncomplete: boolean;
}

const MAX_EXAMPLES = 5;

/** As many are counted: a directory may be one of much else. */
const MAX_COUNTED = 1_000_000;

/** Lists what was not copied of a log of `size` entries; undefined where the source cannot be listed, or is not for free. */
export async function listNotCopied(
  { context, issuers, options }: CopySession,
  size: number,
): Promise<NotCopied | undefined> {
  const { source, signal } = context;
  const isCopied = (path: string): boolean => {
    const resource = parseResourcePath(path);
    if (resource !== undefined) return isOfTree(resource, options.format, size);
    return path === CHECKPOINT_PATH || issuers?.isPresent(path) === true;
  };
  const listing = source.listOthers?.(isCopied);
  if (listing === undefined) return undefined;
  const counts = { obsoletePartials: 0, otherObjects: 0, bytes: 0 };
  const examples: string[] = [];
  try {
    for await (const { path, bytes } of listing) {
      signal.throwIfAborted();
      if (counts.obsoletePartials + counts.otherObjects === MAX_COUNTED)
        return { ...counts, examples, isIncomplete: true };
      counts.bytes += bytes;
      if (parseResourcePath(path) !== undefined && path.includes(".p/")) counts.obsoletePartials++;
      else if (++counts.otherObjects <= MAX_EXAMPLES) examples.push(path);
    }
    return { ...counts, examples, isIncomplete: false };
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    options.notice?.(`What else is in ${source.location} could not be listed: ${reason}`, "warning");
    return undefined;
  }
}
