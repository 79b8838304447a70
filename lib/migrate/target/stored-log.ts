/** What is in the target, read as a log: what comes from there is authenticated like anything else. */

import { setImmediate } from "node:timers/promises";
import { Counters } from "../counters.ts";
import type { ObjectSource } from "../ports/source.ts";
import type { ReadContext } from "../read/context.ts";
import { tiledLog } from "../read/tiled-log.ts";
import type { CopySession } from "../session.ts";
import { DEFAULT_RETRY } from "../throttle/backoff.ts";

/** Nothing is read twice: an object that is wrong stays so. */
export function storedLog({ target, options, context, writer }: CopySession): ReadContext {
  const stored: ObjectSource = {
    location: target.location,
    locate: (path) => target.locate(path),
    async read(path, { maxBytes }) {
      // A writer may read synchronously: other work, such as signals, runs between two tiles.
      await setImmediate();
      return await writer().read(path, maxBytes);
    },
    async close() {},
  };
  const retry = { ...DEFAULT_RETRY, attempts: 0, contentAttempts: 0 };
  const source = tiledLog(stored, options.format);
  return { source, counters: new Counters(), retry, signal: context.signal };
}
