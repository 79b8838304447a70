/** tlog-migrate, compiled as it is published. */

import { spawnSync } from "node:child_process";
import type { BenchCloud } from "../clouds/cloud.ts";
import { discardLocation, discardPreload } from "../discard/discard.ts";
import type { Contender, Task } from "../run/contender.ts";

/** What differs from how a user runs it without options. */
export interface OursVariant {
  readonly id: string;
  readonly label: string;
  readonly options?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The copy is thrown away: nothing is left but what shows that it was made. */
  readonly discard?: boolean;
}

/** The row that all others are compared with. */
export const OURS_ID = "ours";
/** The row of an earlier build, measured in the same rounds. */
export const BEFORE_ID = "before";

export const OURS: OursVariant = { id: OURS_ID, label: "tlog-migrate" };

/** Level-0 tiles fetched too and compared, as for an audit of the source. */
export const OURS_FETCHING_TILES: OursVariant = {
  id: "ours-fetch-tiles",
  label: "tlog-migrate --tiles fetch",
  options: ["--tiles", "fetch"],
};

/** Of Static CT: what the leaf hash does not cover is checked too. */
export const OURS_DEEP: OursVariant = { id: "ours-deep", label: "tlog-migrate --deep", options: ["--deep"] };

/** Without native code, as on a machine that it was not built for. */
export const OURS_IN_JAVASCRIPT: OursVariant = {
  id: "ours-javascript",
  label: "tlog-migrate, JavaScript hasher",
  env: { TLOG_MIGRATE_HASHER: "javascript" },
};

/** Fetched and hashed, and nothing written but the upper tiles. */
export const OURS_DISCARDING: OursVariant = {
  id: "ours-discard",
  label: "tlog-migrate, copy discarded",
  discard: true,
};

/** The compiled program, and, where there is one to compare it with, the earlier build of it. */
export function oursAndBefore(builds: {
  readonly program: string;
  readonly before: string | undefined;
}): Contender[] {
  const { program, before } = builds;
  const earlier = { id: BEFORE_ID, label: "before: an earlier build" };
  return [ours(program, OURS), ...(before === undefined ? [] : [ours(before, earlier)])];
}

/** A copy into a directory. @param program the compiled program. */
export function ours(program: string, variant: OursVariant): Contender {
  const { options = [], env = {}, discard = false } = variant;
  return {
    ...oursRow(program, variant),
    ...(discard ? { names: new Map([[discardPreload(program), "$DISCARD"]]) } : { leaves: "tiles" }),
    decompresses: true,
    command({ sourceUrl, target, log, caFile }) {
      const preload = discard ? ["--import", discardPreload(program)] : [];
      const place = discard ? discardLocation(target, log.size) : target;
      const given = ["--format", log.format, "--vkey", log.vkey, "--json", "--quiet", ...options];
      return {
        file: process.execPath,
        args: [...preload, program, "copy", sourceUrl, place, ...given, ...handover(program)],
        env: caFile === undefined ? env : { ...env, NODE_EXTRA_CA_CERTS: caFile },
      };
    },
  };
}

/** A copy into a cloud. @param program the compiled program. */
export function oursToCloud(
  program: string,
  cloud: BenchCloud,
  row: Pick<Contender, "id" | "label">,
): (concurrency: number) => Contender {
  return (concurrency) => ({
    ...oursRow(program, row),
    leaves: "tiles",
    place: cloud,
    command({ sourceUrl, log }) {
      const { target, stateOptions, env } = cloud.home;
      const options = ["--vkey", log.vkey, "--concurrency", String(concurrency), "--json", "--quiet"];
      return {
        file: process.execPath,
        args: [program, "copy", sourceUrl, target, ...stateOptions, ...options, ...handover(program)],
        env,
      };
    },
  });
}

const helps = new Map<string, string>();

/** What a program, perhaps an earlier build, says of `copy`. */
function helpOf(program: string): string {
  let help = helps.get(program);
  if (help === undefined) {
    help = spawnSync(process.execPath, [program, "copy", "--help"], { encoding: "utf8" }).stdout;
    helps.set(program, help);
  }
  return help;
}

/** The options by which a program hands over at once; earlier builds do that by themselves, and know no such options. */
export function handover(program: string): readonly string[] {
  return helpOf(program).includes(" --handover ") ? ["--handover", "--settle", "0"] : [];
}

/** Whether a program, perhaps an earlier build, copies to such targets: "s3". */
export function knowsTarget(program: string, scheme: string): boolean {
  return helpOf(program).includes(`${scheme}://`);
}

function oursRow(
  program: string,
  { id, label }: Pick<Contender, "id" | "label">,
): Omit<Contender, "command"> {
  const isOurs = id !== BEFORE_ID;
  const names = new Map(isOurs ? [] : [[program, "$BEFORE"]]);
  return { id, label, isOurs, names, checkOutput: requireWholeCopy };
}

/** @throws Error unless the report is of a copy of the whole log. */
function requireWholeCopy(stdout: string, { log }: Pick<Task, "log">): void {
  const { entries, size } = JSON.parse(stdout) as { entries: number; size: number };
  if (entries === log.size && size === log.size) return;
  throw new Error(`it copied ${entries} of ${log.size} entries, into a log of ${size}`);
}
