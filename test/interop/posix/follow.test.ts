/** A log that Tessera's Appender adds to is moved while it runs, and another Appender goes on where it ended. */

import { expect, it, onTestFinished } from "vitest";
import { cutOver, startFollow } from "../../support/follow.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { publishedSize, serveDirectory } from "../../support/go/growing-source.ts";
import { filesLost, readLog } from "../../support/go/log-files.ts";
import { startLive } from "../../support/go/tessera.ts";
import { expectTakenOver, newTarget, ownFiles, tesseraLog } from "../../support/go/tessera-takeover.ts";

const SIZE = 66_000;
const ADDED = 1_000;
const SETTLE_MS = 1_000;

describeWithGo("a log that is followed while Tessera's Appender adds entries", () => {
  it("is handed over soon after its writer is stopped, and another Appender goes on at its size", async () => {
    const log = await tesseraLog(SIZE);
    const { dir, origin, key } = log;
    const live = await startLive({ dir, origin, key, entriesPerSecond: 200, garbageCollectionMs: 100 });
    onTestFinished(() => live[Symbol.asyncDispose]());
    const server = await serveDirectory(dir);
    const target = newTarget();
    const following = startFollow(log, server.url, target, { intervalMs: 200, settleMs: SETTLE_MS });
    const copied = () => following.progress.following?.copied ?? 0;
    await expect.poll(copied, { timeout: 40_000 }).toBeGreaterThan(SIZE + ADDED);
    const { size, rootHash, ...final } = await live.stop();
    expect(publishedSize(dir)).toBe(size);
    const asked = performance.now();
    expect(await cutOver(target, { wait: true })).toMatchObject({ outcome: "handed-over", size });
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(await following.end).toMatchObject({ outcome: "handed-over", size, rootHash });
    const grown = { ...log, ...final, size, rootHash, files: readLog(dir) };
    expect(filesLost(target, ownFiles(grown))).toEqual([]);
    await expectTakenOver(target, grown);
  });
});
