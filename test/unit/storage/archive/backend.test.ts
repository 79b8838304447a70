import { expect, test } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import backend from "../../../../storage/archive/backend.ts";
import { memoryDirectory, writeFiles } from "../../../support/places/directory.ts";

test("a directory without zips is not an archive, which is a usage error that says so", async () => {
  const directory = memoryDirectory();
  writeFiles(directory, [["checkpoint", "a log that is not in zips"]]);
  const check = () => backend.checkSource(new URL(`archive+file://${directory}`));
  await expect(check()).rejects.toThrow(UsageError);
  await expect(check()).rejects.toThrow(
    /has no zips of an archived log \(expected 000\.zip .*without archive\+.*: file:\/\//,
  );
  writeFiles(directory, [["003.zip", "any"]]);
  await check();
});
