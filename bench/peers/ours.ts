/** tlog-migrate, compiled as it is published. */

import { DISCARD_SCHEME, discardPreload } from "../discard/discard.ts";
import type { Contender, Task } from "../run/contender.ts";

/** What differs from how a user runs it without options. */
export interface OursVariant {
  readonly id: string;
  readonly label: string;
  readonly options?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** False for a build whose memory is not judged; default true. */
  readonly isOurs?: boolean;
  /** The copy is thrown away: nothing is left but what shows that it was made. */
  readonly discard?: boolean;
}

/** The row that all others are compared with. */
export const OURS_ID = "ours";

export const OURS: OursVariant = { id: OURS_ID, label: "tlog-migrate" };

/** An earlier build of the program, measured in the same rounds. */
export const BEFORE: OursVariant = { id: "before", label: "before: an earlier build", isOurs: false };

/** Level-0 tiles fetched too and compared, as for an audit of the source. */
export const OURS_FETCHING_TILES: OursVariant = {
  id: "ours-fetch-tiles",
  label: "tlog-migrate --tiles fetch",
  options: ["--tiles", "fetch"],
};

/** Of Static CT: what no leaf hash covers is checked too. */
export const OURS_DEEP: OursVariant = { id: "ours-deep", label: "tlog-migrate --deep", options: ["--deep"] };

/** Without native code, as on a machine that it was not built for. */
export const OURS_IN_JAVASCRIPT: OursVariant = {
  id: "ours-javascript",
  label: "tlog-migrate, JavaScript hasher",
  env: { TLOG_MIGRATE_HASHER: "javascript" },
};

/** The program, and, where there is one to compare it with, the earlier build of it. */
export function oursAndBefore({
  program,
  before,
}: {
  program: string;
  before: string | undefined;
}): Contender[] {
  return [ours(program, OURS), ...(before === undefined ? [] : [ours(before, BEFORE)])];
}

/** @param program the compiled program. */
export function ours(program: string, variant: OursVariant): Contender {
  const { id, label, options = [], env = {}, isOurs = true, discard = false } = variant;
  const preload = discardPreload(program);
  return {
    id,
    label,
    isOurs,
    leaves: { paths: discard ? "none" : "tiles", decompressed: true },
    names: new Map([[preload, "$PRELOAD"], ...(isOurs ? [] : [[program, "$BEFORE"] as const])]),
    command: ({ sourceUrl, target, log, caFile }) => ({
      file: process.execPath,
      args: [
        ...(discard ? ["--import", preload] : []),
        program,
        "copy",
        sourceUrl,
        discard ? `${DISCARD_SCHEME}://${target}` : target,
        ...["--format", log.format, "--vkey", log.vkey, "--json", "--quiet"],
        ...options,
      ],
      env: caFile === undefined ? env : { ...env, NODE_EXTRA_CA_CERTS: caFile },
    }),
    checkOutput: requireWholeCopy,
  };
}

/** @throws Error unless the report is of a copy of the whole log. */
export function requireWholeCopy(stdout: string, { log }: Pick<Task, "log">): void {
  const { entries, size } = JSON.parse(stdout) as { entries: number; size: number };
  if (entries === log.size && size === log.size) return;
  throw new Error(`it copied ${entries} of ${log.size} entries, into a log of ${size}`);
}
