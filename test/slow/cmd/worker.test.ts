/** `worker` and `copy --queue` on a real queue, watched by `--http`. */

import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { StatusDocument } from "../../../cmd/page/document.ts";
import { HAND_OVER } from "../../support/cli.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";
import { describeWithQueue, startQueueServer } from "../../support/queue-servers.ts";
import { eventsOf, spawnWatched } from "../../support/watched-run.ts";

const SEAL = 65_536;

/** The last state that a page is sent. */
async function lastState(url: URL): Promise<StatusDocument> {
  let last: unknown;
  for await (const [event, data] of eventsOf(await fetch(new URL("/events", url))))
    if (event === "status") last = data;
  return last as StatusDocument;
}

describeWithQueue("redis", () => {
  it("each page shows what its process does, that of the copy what all have done", async () => {
    const log = testLog({ size: 2 * SEAL + 10, entrySize: 8 });
    const server = await startLogServer(log.objects);
    // One of the second tile: the first is done by then, or soon.
    const { reached, letGo } = server.hold("tile/entries/300");
    const queue = await startQueueServer("redis");
    onTestFinished(() => queue[Symbol.asyncDispose]());
    const target = join(temporaryDirectory(), "log");
    const common = [server.url, target, "--vkey", log.vkey, "--queue", queue.url];
    const copy = await spawnWatched(["copy", ...common, ...HAND_OVER, "--workers", "0"]);
    const worker = await spawnWatched(["worker", ...common, "--workers", "1"]);
    const status = async (url: URL) =>
      (await (await fetch(new URL("/status.json", url))).json()) as StatusDocument;
    await reached;
    const done = async () => (await status(copy.url)).seals.percent;
    await expect.poll(done, { timeout: 60_000 }).toEqual([100, 0, 0]);
    expect(await status(copy.url)).toMatchObject({
      command: "copy",
      progress: { phase: "copying", size: 2 * SEAL, entriesDone: SEAL },
      seals: { seals: 3 },
    });
    const working = await status(worker.url);
    expect(working).toMatchObject({
      command: "worker",
      source: server.url,
      target,
      origin: log.origin,
      ready: true,
      progress: { phase: "copying", size: 2 * SEAL },
      seals: { seals: 3, inWork: [1] },
    });
    expect(working.progress.entriesDone).toBeGreaterThanOrEqual(SEAL);
    const ends = [copy, worker].map(({ url }) => lastState(url));
    letGo();
    const [copied, worked] = await Promise.all(ends);
    expect(copied).toMatchObject({
      progress: { phase: "done", entriesDone: log.size, size: log.size },
      isHandedOver: true,
      outcome: { exitCode: 0 },
    });
    expect(worked).toMatchObject({
      counts: { entries: 2 * SEAL },
      outcome: { exitCode: 0, text: `The copy is over: ${target} is handed over.` },
    });
    for (const { result } of [copy, worker]) expect((await result).code).toBe(0);
  });
});
