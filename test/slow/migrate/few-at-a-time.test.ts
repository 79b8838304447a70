/** A copy learns how many requests at a time a source answers. */

import { expect, test } from "vitest";
import { Progress } from "../../../lib/index.ts";
import { refuseBeyond } from "../../support/http/few-at-a-time.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { FAST_RETRY, migrateLog, newCopy } from "../../support/migration.ts";
import { differences } from "../../support/places/directory.ts";

test.each([429, 503])(
  "a source that answers all but a few requests at a time by %i is soon asked for no more, and gives its log",
  async (status) => {
    const log = testLog({ size: 1500 * 256 + 17, entrySize: 8 });
    const { server, target } = await newCopy(log);
    const { answers } = refuseBeyond(6, server, { "retry-after": "1" }, status);
    const progress = new Progress();
    const retry = { ...FAST_RETRY, attempts: 30, maxRetryAfterMs: 100 };
    await migrateLog(log, server, target, { workers: 2, concurrency: 48, retry, progress });
    expect(differences(target, log)).toEqual([]);
    const refused = answers.filter((answer) => answer.status === status).length;
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThan(answers.length / 10);
    // It refused 40 at once at first. Later ones came one by one, to see whether it takes more by now.
    const later = answers.slice(answers.length / 2);
    expect(later.filter((answer) => answer.status === status).length).toBeLessThan(later.length / 20);
    expect(progress.window?.limit).toBeGreaterThanOrEqual(3);
    expect(progress.window?.limit).toBeLessThanOrEqual(8);
    expect(progress.total().get("throttles")).toBeGreaterThanOrEqual(3);
  },
);
