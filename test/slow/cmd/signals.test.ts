import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../../support/cli.ts";
import { hangingFiles } from "../../support/hanging-files.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { logDirectory, temporaryDirectory } from "../../support/places/directory.ts";

test("one signal ends a copy whose source is on a file system that is gone", async () => {
  const log = testLog({ size: 300 });
  const env = hangingFiles(`
    const { open } = fs.promises;
    fs.promises.open = () => {
      fs.writeSync(2, "hanging\\n");
      return open(fifo);
    };`);
  const args = ["copy", logDirectory(log), join(temporaryDirectory(), "log"), "--vkey", log.vkey];
  const { code, stderr } = await runCli(args, { env, signal: { name: "SIGTERM", after: /hanging/ } });
  expect(code).toBe(143);
  expect(stderr).toMatch(
    /\ntlog-migrate: did not stop within 10 s, and is ended; the same command continues.*\n$/,
  );
});
