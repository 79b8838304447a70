/** The check of a target before the handover, of which no store is slow by itself. */

import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { Counters } from "../../../../lib/migrate/report/counters.ts";
import type { CopySession } from "../../../../lib/migrate/session.ts";
import { checkTarget } from "../../../../lib/migrate/target/root-check.ts";
import { testLog } from "../../../support/logs/generated-log.ts";

const SEALS = 9;

it("reads the seals of a store that is far away several at once, and no more than its connections", async () => {
  const log = testLog({ size: SEALS * 65_536, entrySize: 1 });
  let [reading, most] = [0, 0];
  const read = async (path: string) => {
    most = Math.max(most, ++reading);
    await sleep(5);
    reading--;
    return log.objects.get(path);
  };
  const session = {
    target: {
      locate: (path: string) => path,
      async *list(directory: string) {
        for (const [path, bytes] of log.objects) {
          if (path.startsWith(`${directory}/`)) yield { path, bytes: bytes.length };
        }
      },
    },
    writer: () => ({ read }),
    options: { format: "tiles" },
    context: { counters: new Counters(), signal: new AbortController().signal, minIndex: undefined },
  } as unknown as CopySession;
  await checkTarget(session, log);
  expect(most).toBe(8);
});
