/** A log that Tessera's Appender adds to is moved while it runs, and another Appender goes on where it ended. */

import fs from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { cutOver, startFollow } from "../../support/follow.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { publishedSize, serveDirectory } from "../../support/go/growing-source.ts";
import { filesLost, readLog } from "../../support/go/log-files.ts";
import { startLive } from "../../support/go/tessera.ts";
import {
  APPENDED,
  expectTakenOver,
  newTarget,
  ownFiles,
  tesseraLog,
} from "../../support/go/tessera-takeover.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const SIZE = 66_000;
const ADDED = 1_000;
const SETTLE_MS = 1_000;

describeWithGo("a log that is followed while Tessera's Appender adds entries", () => {
  it("is handed over soon after its writer is stopped, another Appender goes on at its size, and so it goes back", async () => {
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
    // The way back: the old place follows the new one, and takes over what was added there.
    const [back, there] = [newTarget(), await serveDirectory(target)];
    const returning = startFollow(log, there.url, back, { intervalMs: 200, settleMs: SETTLE_MS });
    await expect.poll(() => returning.progress.following?.copied, { timeout: 40_000 }).toBeGreaterThan(size);
    await cutOver(back, { wait: true });
    const returned = await returning.end;
    expect(returned.size).toBe(size + APPENDED);
    await expectTakenOver(back, { ...grown, size: returned.size, files: readLog(target) });
  });

  it("is followed through replicas of different ages, and handed over with all that it has", async () => {
    const log = await tesseraLog(SIZE);
    const { dir, origin, key } = log;
    const live = await startLive({ dir, origin, key, entriesPerSecond: 200, garbageCollectionMs: 100 });
    onTestFinished(() => live[Symbol.asyncDispose]());
    const server = await serveDirectory(dir);
    const behind = join(memoryDirectory(), "behind");
    const catchUp = () => {
      fs.rmSync(behind, { recursive: true, force: true });
      fs.cpSync(dir, behind, { recursive: true, filter: (path) => !path.includes(".state") });
    };
    let asked = 0;
    server.intercept(
      () => true,
      async ({ path }, response, next) => {
        // Two of three go to the one that is up to date, whatever is asked for again.
        if (asked++ % 3 > 0 || !fs.existsSync(behind)) return await next();
        const file = join(behind, path);
        if (!fs.existsSync(file)) response.writeHead(404, { "content-length": "0" }).end();
        else response.end(fs.readFileSync(file));
      },
    );
    const target = newTarget();
    const following = startFollow(log, server.url, target, { intervalMs: 100, settleMs: 1_000 });
    const copied = () => following.progress.following?.copied ?? 0;
    await expect.poll(copied, { timeout: 60_000 }).toBeGreaterThan(SIZE);
    fs.cpSync(dir, behind, { recursive: true, filter: (path) => !path.includes(".state") });
    const before = publishedSize(dir);
    for (const added of [300, 600, 900]) {
      await expect.poll(copied, { timeout: 60_000 }).toBeGreaterThan(before + added);
    }
    const { size, rootHash, ...final } = await live.stop();
    catchUp();
    expect(await cutOver(target, { wait: true })).toMatchObject({ outcome: "handed-over", size });
    expect(await following.end).toMatchObject({ outcome: "handed-over", size, rootHash });
    const grown = { ...log, ...final, size, rootHash, files: readLog(dir) };
    expect(filesLost(target, ownFiles(grown))).toEqual([]);
    await expectTakenOver(target, grown);
  });
});
