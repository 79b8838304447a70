/**
 * Counts the objects of a source that were not copied: partial objects that fuller ones have replaced, and objects that
 * nothing commits to, such as a log's names tiles, its configuration or its roots. An operator who needs these must
 * copy them by other means.
 */

import { CHECKPOINT_PATH, parseResourcePath } from "../../tlog/layout.ts";
import type { CopySession } from "../session.ts";
import { isOfTree } from "../target/listing-check.ts";

export interface NotCopied {
  readonly obsoletePartials: number;
  readonly otherObjects: number;
  /** The number of both kinds together. */
  readonly bytes: number;
  /** Paths of some of the other objects. */
  readonly examples: readonly string[];
  /** There are more: counting stopped at the limit. */
  readonly isIncomplete: boolean;
}

const MAX_EXAMPLES = 5;

/** Counting stops here: the directory may have many other files. */
const MAX_COUNTED = 1_000_000;

/** Counts what was not copied of a log of `size` entries; undefined if the source cannot be listed, or not free of charge. */
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
    options.notice?.(
      `The objects in ${source.location} that were not copied could not be counted: ${reason}`,
      "warning",
    );
    return undefined;
  }
}
