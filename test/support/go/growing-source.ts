/** A live Tessera log over HTTP, which grows as often as a test needs it to, whatever the clock does. */

import fs from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type LogServer, startLogServer } from "../http/misbehaving-log-server.ts";

/** How long a live log may take to publish a larger checkpoint. */
const GROWTH_TIMEOUT_MS = 30_000;

/** A server of a directory that somebody else writes to. Call it within a test. */
export async function serveDirectory(directory: string): Promise<LogServer> {
  const server = await startLogServer(new Map());
  server.intercept(
    () => true,
    async ({ path }, response) => {
      const bytes = await fs.promises.readFile(join(directory, path)).catch(absentIfMissing);
      if (bytes === undefined) response.writeHead(404, { "content-length": "0" }).end();
      else response.end(bytes);
    },
  );
  return server;
}

/** Size in the checkpoint that a log has published. */
export function publishedSize(directory: string): number {
  return Number(fs.readFileSync(join(directory, "checkpoint"), "utf8").split("\n")[1]);
}

/** Resolves when a log has published a checkpoint of more than `size` entries. */
async function grownBeyond(size: number, directory: string): Promise<void> {
  const deadline = Date.now() + GROWTH_TIMEOUT_MS;
  while (publishedSize(directory) <= size) {
    if (Date.now() > deadline) throw new Error(`the live log did not grow beyond ${size}`);
    await sleep(5);
  }
}

/** When a log stops growing: how many reads of its checkpoint see it grow, and how its writer is stopped. */
export interface GrowthEnd {
  readonly afterReads: number;
  stop(): Promise<unknown>;
}

/**
 * Makes every read of the checkpoint see a larger log than the one before: until it is undone by the result, or
 * until `end`, when the writer is stopped before the read is answered.
 */
export function growWithEveryRead(server: LogServer, directory: string, end?: GrowthEnd): () => void {
  let size = publishedSize(directory);
  let reads = 0;
  return server.intercept("checkpoint", async (_request, _response, next) => {
    if (end !== undefined && ++reads > end.afterReads) await end.stop();
    else await grownBeyond(size, directory);
    size = publishedSize(directory);
    await next();
  });
}

function absentIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
