/** A backend that a program brings: a folder and a registration, and nothing but the package's public face. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { migrate, registerBackend, UsageError, verifyLog } from "../../../lib/index.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrationOptions } from "../../support/migration.ts";
import { differences, logDirectory, memoryDirectory } from "../../support/places/directory.ts";

registerBackend("scratch", new URL("../../support/places/scratch-backend/backend.ts", import.meta.url));

test.each(["tiles", "static-ct"] as const)(
  "a log of %s is copied into it, out of it and verified there, by two threads",
  async (format) => {
    const log = testLog({ size: 2_000, format });
    const [scratch, directory] = [`scratch://${memoryDirectory()}/a%20log`, memoryDirectory()];
    const options = { workers: 2, saveCheckpoint: true, targetOptions: { scratchMood: "good" } };
    const into = await migrate(migrationOptions(log, logDirectory(log), scratch, options));
    expect(into).toMatchObject({ outcome: "handed-over", entries: 2_000, target: scratch });
    const again = await migrate(migrationOptions(log, logDirectory(log), scratch, options));
    expect(again).toMatchObject({ outcome: "already-handed-over" });

    const { access, policy } = migrationOptions(log, "", "");
    const verified = await verifyLog({ log: scratch, format, access, policy, workers: 2 });
    expect(verified).toMatchObject({ faults: 0, entries: 2_000 });

    const out = migrationOptions(log, scratch, directory, { workers: 2, saveCheckpoint: true });
    expect(await migrate(out)).toMatchObject({ outcome: "handed-over", entries: 2_000 });
    expect(differences(directory, log)).toEqual([]);
  },
);

test("its options are its own", async () => {
  const log = testLog({ size: 10 });
  const options = { targetOptions: { scratchMood: "good" } };
  const elsewhere = migrate(migrationOptions(log, logDirectory(log), memoryDirectory(), options));
  await expect(elsewhere).rejects.toThrow(UsageError);
  await expect(elsewhere).rejects.toThrow(/--scratch-mood.*expected a log at scratch:\/\/\/directory/);
});

test("it is the one that docs/custom-backend.md shows", () => {
  const root = new URL("../../../", import.meta.url);
  const code = readFileSync(new URL("test/support/places/scratch-backend/backend.ts", root), "utf8");
  const shown = code.replace('"../../../../lib/index.ts"', '"tlog-migrate"');
  expect(readFileSync(new URL("docs/custom-backend.md", root), "utf8")).toContain(
    `\`\`\`ts\n// backend.ts\n${shown}\`\`\`\n`,
  );
});
