import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import backend from "../../../../storage/posix/sunlight-backend.ts";
import { type TestLog, testLog } from "../../../support/logs/generated-log.ts";
import { memoryDirectory, writeFiles } from "../../../support/places/directory.ts";

/** Looks at a directory of a log, of which the first bundles may be others. */
async function look({ objects }: Pick<TestLog, "objects">, spoil = (bytes: Buffer) => bytes): Promise<void> {
  const directory = memoryDirectory();
  const isBundle = (path: string) => /^tile\/(data|entries)\//.test(path);
  writeFiles(
    directory,
    [...objects].map(([path, bytes]) => [path, isBundle(path) ? spoil(bytes) : bytes]),
  );
  await backend.checkSource(new URL(`gzip+${pathToFileURL(directory).href}`));
}

describe.each(["tiles", "static-ct"] as const)("a log of %s below gzip+file://", (format) => {
  test.each([1, 255, 256, 300])(
    "with %i entries that are stored as they are has a wrong name",
    async (size) => {
      const looking = look(testLog({ size, format }));
      await expect(looking).rejects.toBeInstanceOf(UsageError);
      await expect(looking).rejects.toThrow(/has its entries uncompressed.*Name it as file:\/\/\//);
    },
  );

  test.each([0, 1, 300])(
    "with %i entries that are compressed is accepted, whole or damaged",
    async (size) => {
      const log = testLog({ size, format, gzip: true });
      await look(log);
      await look(log, (bytes) => Buffer.concat([Buffer.of(0), bytes.subarray(1)]));
      await look(log, () => Buffer.of());
    },
  );
});
