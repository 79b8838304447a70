/**
 * How long a copy takes to start: from the start of its process to its first request for an entry bundle that it
 * stores. Until then the program is loaded, the checkpoint and the right edge are authenticated, the target is
 * claimed, the room is estimated and the threads are started.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateLog } from "../../test/logs/generate.ts";
import { median } from "../report/statistics.ts";
import { answerRequests, NOT_FOUND, responseHead } from "../servers/http-requests.ts";

/** What a command is to copy. */
export interface SmallLog {
  readonly url: string;
  /** A directory that is not there yet. */
  readonly target: string;
  readonly vkey: string;
}

export interface FirstRequestOptions {
  /** Program and arguments of a copy, for instance "node dist/cmd/tlog-migrate.js copy URL TARGET --vkey VKEY". */
  readonly command: (log: SmallLog) => readonly [program: string, ...args: string[]];
  /** Where the copies are put; default: that for temporary files. */
  readonly directory?: string;
  /** Default 7. */
  readonly runs?: number;
}

export interface FirstRequestTimes {
  /** Milliseconds, one a run, in the order of the runs. */
  readonly runs: readonly number[];
  readonly median: number;
}

/** Entries of the log: enough that a full level-1 tile is read before the first bundle, as in a large one. */
const ENTRIES = 70_000;
/** One of the first that is stored. A few bundles, the very first among them, are read to estimate the room. */
const STORED_BUNDLE = "/tile/entries/001";

/** Starts the command again and again, each time to its first request for a bundle, at which it is killed. */
export async function timeToFirstBundle(options: FirstRequestOptions): Promise<FirstRequestTimes> {
  const { command, directory = tmpdir(), runs = 7 } = options;
  const source = await serveFromMemory();
  const base = mkdtempSync(join(directory, "tlog-migrate-start-"));
  const times: number[] = [];
  try {
    while (times.length < runs) {
      const { url, vkey } = source;
      const target = join(base, String(times.length));
      times.push(await timeOneStart(command({ url, target, vkey }), source.nextBundleRequest()));
    }
  } finally {
    source.close();
    rmSync(base, { recursive: true, force: true, maxRetries: 5 });
  }
  return { runs: times, median: median(times) };
}

async function timeOneStart(
  [program, ...args]: readonly [string, ...string[]],
  bundleRequest: Promise<number>,
): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "exit");
  try {
    return (await Promise.race([bundleRequest, endedTooEarly(child, ended)])) - startedAt;
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

async function endedTooEarly(child: ChildProcess, ended: Promise<unknown>): Promise<never> {
  await ended;
  throw new Error(`${child.spawnargs.join(" ")} ended before it asked for an entry bundle`);
}

interface MemorySource {
  readonly url: string;
  readonly vkey: string;
  /** Resolves at the next request for a bundle that is stored, with the time of its arrival. */
  nextBundleRequest(): Promise<number>;
  close(): void;
}

/** Serves a small log from this process, so that a request's arrival is seen on the clock of the start. */
async function serveFromMemory(): Promise<MemorySource> {
  const { objects, vkey } = smallLog();
  const sockets = new Set<Socket>();
  let arrived: (time: number) => void = () => {};
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    answerRequests(socket, (_method, path) => {
      if (path === STORED_BUNDLE) arrived(performance.now());
      socket.write(objects.get(path) ?? NOT_FOUND);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    vkey,
    nextBundleRequest: () =>
      new Promise((resolve) => {
        arrived = resolve;
      }),
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A log as whole answers, by their paths. */
function smallLog(): { readonly objects: ReadonlyMap<string, Buffer>; readonly vkey: string } {
  const objects = new Map<string, Buffer>();
  const steps = generateLog({ size: ENTRIES, entrySize: 100 });
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) {
    const { path, bytes } = step.value;
    objects.set(`/${path}`, Buffer.concat([Buffer.from(responseHead(bytes.length)), bytes]));
  }
  return { objects, vkey: step.value.vkey };
}
