/** Logs in directories of Sunlight, whose data tiles are compressed. */

import { resolve } from "node:path";
import { UsageError } from "../../lib/errors.ts";
import type { Backend, OptionValues } from "../../lib/migrate/ports/backend.ts";
import { directoryOf, isOfFiles, requireDirectory } from "./file-url.ts";

export default {
  form: "gzip+file:///…",
  isLocal: true,
  targetOptions: [
    {
      flags: "--sunlight-lock <database>",
      description:
        "Sunlight's lock database (SQLite), in which a log of Sunlight gets its row at the handover",
      commands: ["copy", "plan", "follow", "cutover", "abandon"],
    },
    {
      flags: "--no-sunlight-lock",
      description: "a log of Sunlight: add no row to a lock database, it is there or is added by hand",
      commands: ["copy", "plan", "follow", "cutover", "abandon"],
    },
  ],
  async checkSource(url) {
    await requireDirectory(url);
    const { requireCompressed } = await import("./compressed-tiles.ts");
    await requireCompressed(directoryOf(url), url.href, url.href.replace("gzip+", ""));
  },
  async openObjects(url) {
    const { GzipSource } = await import("./source.ts");
    return new GzipSource(directoryOf(url));
  },
  async openTarget(url, { options, source, readOnly = false, isMirror = false }) {
    const path = lockPath(options, !(readOnly || isMirror));
    const [{ SunlightTarget }, { LockDatabase }] = await Promise.all([
      import("./sunlight-target.ts"),
      import("./sunlight-lock.ts"),
    ]);
    const from = source && isOfFiles(source) ? directoryOf(source) : undefined;
    const lock = path === undefined ? undefined : new LockDatabase(path);
    return new SunlightTarget(directoryOf(url), { source: from, readOnly }, lock);
  },
  describeTarget(options) {
    const path = lockPath(options, false);
    const lock =
      path === undefined ? "its lock database, once that has the log's row," : `the lock database ${path}`;
    return {
      state: "",
      verifyOptions: [],
      canBeTakenOver: true,
      start: `Start Sunlight on it with ${lock} and the log's own secret and submission prefix; docs/static-ct.md says what else moves.`,
    };
  },
} satisfies Backend;

/** @throws UsageError if a lock database is neither named nor declined though one `isNeeded`. */
function lockPath({ sunlightLock }: OptionValues, isNeeded: boolean): string | undefined {
  if (typeof sunlightLock === "string") return resolve(sunlightLock);
  if (sunlightLock === false || !isNeeded) return undefined;
  throw new UsageError({
    object: "--sunlight-lock",
    problem: "is not given: Sunlight starts on no log that has no row in its lock database",
    advice: "Pass its path, or --no-sunlight-lock if the row is there or is added by hand",
  });
}
