import { expect, it } from "vitest";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { filesOfSize, readLog } from "../../support/go/log-files.ts";
import { tesseraMigratePosix } from "../../support/go/tessera.ts";
import { newTarget, tesseraLog, treeStateOf } from "../../support/go/tessera-takeover.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { migrateLog } from "../../support/migration.ts";
import { differences } from "../../support/places/directory.ts";

describeWithGo("a copy beside one by Tessera's own migration tool", () => {
  it.each([0, 1000, 66_000])("of a log of %i entries has the same files and tree state", async (size) => {
    const log = await tesseraLog(size);
    const server = await startLogServer(log.files);
    const [ours, theirs] = [newTarget(), newTarget()];
    await migrateLog(log, server, ours, { workers: 2 });
    await tesseraMigratePosix({ sourceUrl: `${server.url}/`, dir: theirs });
    // Theirs builds the tree while it copies, and may leave partials of sizes that it went through.
    const found = readLog(theirs);
    const needed = filesOfSize(found, "tiles", size);
    expect([...found.keys()].filter((path) => !needed.has(path) && !path.includes(".p/"))).toEqual([]);
    expect(differences(ours, { objects: needed })).toEqual([]);
    expect(treeStateOf(ours)).toBe(treeStateOf(theirs));
  });
});
