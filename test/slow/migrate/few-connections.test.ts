/** A source that takes only a few connections at a time is asked over so many, and gives its log. */

import { expect, test } from "vitest";
import { Progress } from "../../../lib/index.ts";
import { DEFAULT_RETRY } from "../../../lib/migrate/throttle/backoff.ts";
import { BEYOND, serveFewConnections } from "../../support/http/few-connections.ts";
import { LOCALHOST } from "../../support/http/test-certificates.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrateLog } from "../../support/migration.ts";
import { differences, memoryDirectory } from "../../support/places/directory.ts";

const log = testLog({ size: 500 * 256 + 17, entrySize: 8 });

/** Of a server that turns connections away at once; one that is silent has its time for each. */
const AT_ONCE = 120;
const SILENT = 60;

test.each(BEYOND.flatMap((beyond) => [1, 4].map((most) => [beyond, most] as const)))(
  "beyond them it answers with %s: %i at a time",
  async (beyond, most) => {
    const server = await serveFewConnections(log.objects, most, beyond, 2);
    const target = memoryDirectory();
    const progress = new Progress();
    const access = { userAgentVersion: "test", ca: LOCALHOST.cert };
    const { retries } = await migrateLog(log, server, target, {
      workers: 2,
      retry: DEFAULT_RETRY,
      access,
      progress,
    });
    expect(differences(target, log)).toEqual([]);
    // Half of these are the first, before it is known that there are only a few.
    expect(retries).toBeLessThan(beyond === "silence" ? SILENT : AT_ONCE);
    expect(progress.window?.limit).toBeLessThanOrEqual(most + 2);
    // A connection is kept for many requests, also where each thread has it in turn.
    expect(server.accepted).toBeLessThan(server.answered / 4);
  },
  60_000,
);
