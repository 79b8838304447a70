/** A source whose base address redirects every object elsewhere costs hardly more requests than one that does not. */

import { expect, test } from "vitest";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { serve } from "../../support/http/servers.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrateLog } from "../../support/migration.ts";
import { differences, memoryDirectory } from "../../support/places/directory.ts";

test.each([301, 302])(
  "a base address that answers all by %i is asked a few times by each thread",
  async (status) => {
    const log = testLog({ size: 300 * 256 + 44, entrySize: 8 });
    const server = await startLogServer(log.objects);
    const asked: string[] = [];
    const base = await serve((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(status, { location: server.url + request.url }).end();
    });
    const target = memoryDirectory();
    const report = await migrateLog(log, { url: base.origin }, target, { workers: 2, concurrency: 8 });
    expect(differences(target, log)).toEqual([]);
    expect(report.retries).toBe(0);
    // What a thread has in flight before it is redirected for the first time; and the checkpoint, each time.
    const threads = 4 + 4 + 8;
    const checkpoints = asked.filter((path) => path === "/checkpoint").length;
    expect(asked.length - checkpoints).toBeLessThanOrEqual(threads);
    expect(server.requests.length).toBeGreaterThan(300);
  },
);
