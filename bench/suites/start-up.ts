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
import { medianTime } from "../report/figures.ts";
import { type Goal, goal } from "../report/goals.ts";
import type { Table, TimeTable } from "../report/report.ts";
import { answerFrom } from "../servers/node-server.ts";
import type { Bench, Suite } from "./suite.ts";

const MOST_MILLISECONDS = 300;
/** Enough entries that a full level-1 tile is read before the first bundle, as in a large log. */
const ENTRIES = 70_000;
/** One of the first that is stored. A few, the very first among them, are read to estimate the space. */
const STORED_BUNDLE = "tile/entries/001";

const [ID, TEXT] = ["start-up", "Start to the first request for a bundle"];

export const startUp: Suite = {
  name: "start-up",
  about: "From the start of the process to the first request for an entry bundle",
  async run(bench) {
    let runs = 0;
    const target = () => ({ args: [join(bench.disk.directory, `start-${runs++}`)] });
    return [await startUpTable(bench, { id: ID, title: "Time to the first request for a bundle", target })];
  },
  goals(tables) {
    return [startUpGoal(tables, ID, TEXT)];
  },
};

/** Where a copy goes. */
export interface StartUpTarget {
  /** The target, and options for it. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Start-ups of copies. */
export async function startUpTable(
  { profile, program, say }: Bench,
  table: {
    readonly id: string;
    readonly title: string;
    /** A new one each time. */
    target(): StartUpTarget | Promise<StartUpTarget>;
  },
): Promise<TimeTable> {
  const times: number[] = [];
  while (times.length < profile.startUps) times.push(await timeToFirstBundle(program, await table.target()));
  const { id, title } = table;
  say(`${id}: ${times.map((time) => Math.round(time)).join(", ")} ms`);
  return { kind: "times", id, title, notes: [], milliseconds: times };
}

export function startUpGoal(tables: readonly Table[], id: string, text: string): Goal {
  return goal(text, medianTime(tables, id), { atMost: MOST_MILLISECONDS }, "ms");
}

/**
 * Milliseconds from the start of a copy, which is killed then, to its first request for a bundle. The log is served
 * by this process, so that the request's arrival is seen on the clock of the start.
 * @throws Error if the program ends before.
 */
export async function timeToFirstBundle(
  program: string,
  { args: target, env = {} }: StartUpTarget,
): Promise<number> {
  const log = new EndlessLog({ size: ENTRIES, entrySize: 100 });
  const arrival = Promise.withResolvers<number>();
  const answer = answerFrom((path) => {
    if (path === STORED_BUNDLE) arrival.resolve(performance.now());
    return log.object(path);
  });
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = [program, "copy", url, ...target, "--vkey", log.vkey, "--quiet", ...handover(program)];
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...env },
  });
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
