/** The kinds of Sunlight's locks, and how the operator names one: an SQLite database by its path, a bucket by its URL. */

import { resolve } from "node:path";
import { UsageError } from "../lib/errors.ts";
import type {
  BackendOption,
  OptionValues,
  TargetRequest,
  TargetWords,
} from "../lib/migrate/ports/backend.ts";
import type { NamedLock } from "./sunlight/state.ts";

const COMMANDS = ["copy", "plan", "follow", "worker", "cutover", "abandon"] as const;

export const LOCK_OPTIONS: readonly BackendOption[] = [
  {
    flags: "--sunlight-lock <lock>",
    description:
      "Sunlight's lock, in which a log of Sunlight gets its row at the handover: an SQLite database, or s3://bucket",
    commands: [...COMMANDS, "verify"],
  },
  {
    flags: "--no-sunlight-lock",
    description: "a log of Sunlight: add no row to a lock, it is there or is added by hand",
    commands: COMMANDS,
  },
];

/** Opens the lock that was named. @throws UsageError if there is none, and none was declined. */
export async function openLock({ options, ...request }: TargetRequest): Promise<NamedLock> {
  const name = lockName(options);
  if (name === undefined && request.readOnly !== true && request.isMirror !== true) {
    throw new UsageError({
      object: "--sunlight-lock",
      problem: "is not given: Sunlight starts on no log that has no row in its lock",
      advice: "Pass its path or s3://BUCKET, or --no-sunlight-lock if the row is there or is added by hand",
    });
  }
  if (name === undefined || name === false) return name;
  if (isUrl(name)) return await (await import("./s3/lock-bucket.ts")).openLockBucket(name, request);
  return new (await import("./sunlight/lock-database.ts")).LockDatabase(name);
}

export function describeSunlight(options: OptionValues): TargetWords {
  const name = lockName(options);
  const lock = name ? `the lock ${name}` : "its lock, once that has the log's row,";
  return {
    state: "",
    verifyOptions: name ? ["--sunlight-lock", name] : [],
    canBeTakenOver: true,
    start: `Start Sunlight on it with ${lock} and the log's own secret and submission prefix; docs/static-ct.md says what else moves.`,
  };
}

/** False if none is to get a row, undefined if nothing was said. */
function lockName({ sunlightLock }: OptionValues): string | false | undefined {
  if (typeof sunlightLock !== "string") return sunlightLock === false ? false : undefined;
  return isUrl(sunlightLock) ? sunlightLock : resolve(sunlightLock);
}

function isUrl(name: string): boolean {
  return name.startsWith("s3://");
}
