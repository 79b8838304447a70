/** A source with one object that takes long, as those do that an object store has not in its caches. */

import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { runCli, servedLog } from "../../support/cli.ts";

test("one object that takes two seconds to its first byte is copied, where all others are fast", async () => {
  const { server, args } = await servedLog(775);
  server.intercept("tile/entries/002", async (_request, _response, next) => {
    await sleep(2000);
    await next();
  });
  const { code, stderr } = await runCli(args, { signal: { name: "SIGTERM", after: 30_000 } });
  expect(code, stderr).toBe(0);
});
