/** What an operator should know before a copy, a sentence each. */

import { formatCount } from "../../tlog/quantities.ts";
import { isOnlyRead, type MigrationOptions } from "../options/options.ts";
import type { FreeSpace } from "../ports/target.ts";
import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { CopySession } from "../session.ts";
import type { TargetProspect } from "../target/claim.ts";
import type { Amounts } from "./amounts.ts";
import type { SampledLog } from "./sampled-log.ts";

/** @param lacksPartials whether objects of the right edge were missing. */
export function warningsOf(
  options: MigrationOptions,
  checkpoint: TrustedCheckpoint,
  sampled: SampledLog,
  lacksPartials: boolean,
): string[] {
  return [
    ...keyWarnings(options, checkpoint),
    ...(lacksPartials ? [PARTIALS_PRUNED] : []),
    ...issuerWarnings(options, sampled),
  ];
}

const PARTIALS_PRUNED =
  "The source lacks partial objects at its right edge: they are taken from the full ones, which takes more requests";

function keyWarnings({ format }: MigrationOptions, { origin, own }: TrustedCheckpoint): string[] {
  const names = new Set(own.map(({ verifier }) => verifier.name));
  if (format !== "tiles" || names.size === 0 || names.has(origin)) return [];
  return [
    `The log's key is named ${[...names].join(", ")}, and its origin is ${origin}: log software has to be given the origin, or it signs the key's name`,
  ];
}

function issuerWarnings({ allowMissingIssuers }: MigrationOptions, { issuers }: SampledLog): string[] {
  const [first] = issuers.missing;
  if (first === undefined || allowMissingIssuers !== true) return [];
  const count = formatCount(issuers.missing.length);
  return [
    `Of the issuers that sampled entries name, ${count} are unavailable, for example ${first.path}, which ${first.problem}`,
  ];
}

/** What the target itself warns of, and a holder of its lock that cannot be seen from here. */
export async function targetWarnings({ target, options }: CopySession): Promise<string[]> {
  const warnings = await target.warnings(!isOnlyRead(options));
  const lock = await target.lockState?.();
  if (lock === undefined || lock.isRunning !== undefined) return warnings;
  return [
    ...warnings,
    `Process ${lock.pid} on ${lock.host} may be at work in the target: its lock was last stored at ${lock.heardAt}`,
  ];
}

/** A copy that is continued is not stopped beforehand. */
export function spaceWarnings(
  prospect: TargetProspect | undefined,
  { bytes }: Amounts,
  free: FreeSpace | undefined,
): string[] {
  const isLooked = prospect?.kind === "claimed" || (prospect?.kind === "new" && prospect.adopts);
  if (!isLooked || free === undefined || free.bytes >= bytes.likely) return [];
  return [
    "The target may have too little free space for what is left, unless much of it is in place already",
  ];
}
