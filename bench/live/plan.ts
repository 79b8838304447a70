/** What `plan` says of a copy, and what that copy takes then. */

import type { EmptyTarget } from "../clouds/target-kinds.ts";
import { handover } from "../peers/ours.ts";
import type { Source } from "../run/contender.ts";
import { measure } from "../run/measure.ts";

/** By the ids of the columns of a table. */
export interface PlannedCopy {
  /** Seconds. */
  readonly planned: number;
  readonly took: number;
  /** The larger divided by the smaller. */
  readonly factor: number;
  readonly "planned-bytes": number;
  readonly "stored-bytes": number;
}

/** Plans a copy, and makes it. @param program the compiled program. */
export async function planAndCopy(program: string, source: Source, place: EmptyTarget): Promise<PlannedCopy> {
  const { target, stateOptions, env } = place;
  const run = (command: string, ...options: string[]) => {
    const places = [source.url, target, ...stateOptions, "--vkey", source.log.vkey];
    const args = [program, command, ...places, "--json", "--quiet", ...options];
    return measure({ file: process.execPath, args, env });
  };
  const plan = JSON.parse((await run("plan")).stdout) as {
    readonly seconds: { readonly likely: number };
    readonly bytes: { readonly likely: number };
  };
  const copy = await run("copy", ...handover(program));
  const { bytes: stored } = JSON.parse(copy.stdout) as { readonly bytes: number };
  const [planned, took] = [plan.seconds.likely, copy.usage.wallSeconds];
  const factor = Math.max(planned / took, took / planned);
  return { planned, took, factor, "planned-bytes": plan.bytes.likely, "stored-bytes": stored };
}
