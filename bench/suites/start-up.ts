/**
 * How long a copy takes to start: from the start of its process to its first request for an entry bundle that it
 * stores. Until then the program is loaded, the checkpoint and the right edge are authenticated, the target is
 * claimed, the space that is needed is estimated and the threads are started.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { EndlessLog } from "../../test/logs/endless.ts";
import { handover } from "../peers/ours.ts";
import { median } from "../report/figures.ts";
import { goal } from "../report/goals.ts";
import { answerFrom } from "../servers/node-server.ts";
import type { Suite } from "./suite.ts";

const MOST_MILLISECONDS = 300;
/** Enough entries that a full level-1 tile is read before the first bundle, as in a large log. */
const ENTRIES = 70_000;
/** One of the first that is stored. A few, the very first among them, are read to estimate the space. */
const STORED_BUNDLE = "tile/entries/001";

export const startUp: Suite = {
  name: "start-up",
  about: "From the start of the process to the first request for an entry bundle",
  async run({ profile, disk, program, say }) {
    const times: number[] = [];
    while (times.length < profile.startUps) {
      times.push(await timeToFirstBundle(program, join(disk.directory, `start-${times.length}`)));
    }
    say(`start-up: ${times.map((time) => Math.round(time)).join(", ")} ms`);
    const title = "Time to the first request for a bundle";
    return [{ kind: "times", id: "start-up", title, notes: [], milliseconds: times }];
  },
  goals(tables) {
    const [table] = tables.filter(({ kind }) => kind === "times");
    const time = table?.kind === "times" ? median(table.milliseconds) : undefined;
    const text = "Start to the first request for a bundle";
    return [goal(text, time, { atMost: MOST_MILLISECONDS }, "ms")];
  },
};

/**
 * Milliseconds from the start of a copy, which is killed then, to its first request for a bundle. The log is served
 * by this process, so that the request's arrival is seen on the clock of the start.
 * @throws Error if the program ends before.
 */
export async function timeToFirstBundle(program: string, target: string): Promise<number> {
  const log = new EndlessLog({ size: ENTRIES, entrySize: 100 });
  const arrival = Promise.withResolvers<number>();
  const answer = answerFrom((path) => {
    if (path === STORED_BUNDLE) arrival.resolve(performance.now());
    return log.object(path);
  });
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = [program, "copy", url, target, "--vkey", log.vkey, "--quiet", ...handover(program)];
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "exit");
  try {
    const tooEarly = ended.then(() =>
      Promise.reject(new Error(`${program} ended before it asked for a bundle`)),
    );
    return (await Promise.race([arrival.promise, tooEarly])) - startedAt;
  } finally {
    child.kill("SIGKILL");
    await ended;
    server.closeAllConnections();
    server.close();
  }
}
