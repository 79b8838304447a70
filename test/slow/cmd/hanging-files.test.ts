import { rmSync } from "node:fs";
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
    /\n\S+Z WARN {2}did not stop within 10 s, and is ended; the same command continues.*\n$/,
  );
});

test("a thread that hangs does not hide what a copy failed with, and a signal ends it", async () => {
  const log = testLog({ size: 20_000, entrySize: 10 });
  const source = logDirectory(log);
  rmSync(join(source, "tile/entries/070"));
  const env = hangingFiles(
    `
    const { open } = fs.promises;
    fs.promises.open = (path, flags) => (path.endsWith("/000") ? open(fifo) : open(path, flags));`,
    "workers",
  );
  const args = ["copy", source, join(temporaryDirectory(), "log"), "--vkey", log.vkey];
  const options = { env, signal: { name: "SIGTERM", after: /entries\/070 / }, timeoutMs: 30_000 } as const;
  const { code, stderr } = await runCli(args, options);
  expect(stderr).toMatch(/tile\/entries\/070 [^\n]*\n$/);
  expect(code).toBe(143);
});
