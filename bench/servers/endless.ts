/**
 * Serves a log of any size without storing it: what a copy of a billion entries is measured with.
 *
 *     node bench/servers/endless.ts --size 1000000000 --entry-size 100 [--port 0] [--idle-seconds 600]
 *
 * It prints what is to be known of the log as one line of JSON once it listens; own-process.ts tells when it ends.
 */

import { once } from "node:events";
import { realpathSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { formatHash } from "../../lib/tlog/merkle.ts";
import { EndlessLog, type EndlessLogOptions } from "../logs/endless-log.ts";
import { answerRequests, type Method, NOT_FOUND, responseHead } from "./http-requests.ts";
import { announce, exitWhenIdle, startOwnProcess } from "./own-process.ts";
import type { RunningServer } from "./static.ts";

export type EndlessOptions = EndlessLogOptions;

/** What is to be known of the log. */
export interface EndlessFacts {
  readonly vkey: string;
  readonly origin: string;
  readonly size: number;
  /** Base64, as in a checkpoint. */
  readonly rootHash: string;
}

/** Serves a log from a process of its own, which ends with this one at the latest. */
export async function startEndless(options: EndlessOptions): Promise<RunningServer & EndlessFacts> {
  const { size, entrySize } = options;
  return await startOwnProcess<EndlessFacts & { url: string; pid: number }>(import.meta.filename, [
    `--size=${size}`,
    `--entry-size=${entrySize}`,
  ]);
}

/** Answers requests with whole answers, heads and all, that are made once for all paths of a kind. */
class EndlessServer {
  lastRequest = Date.now();
  readonly #log: EndlessLog;
  /** By the object's bytes. */
  readonly #answers = new Map<Uint8Array, Buffer>();

  constructor(log: EndlessLog) {
    this.#log = log;
  }

  serve(socket: Socket): void {
    answerRequests(socket, (method, path) => {
      this.lastRequest = Date.now();
      socket.write(this.#answer(method, path.slice(1)));
    });
  }

  #answer(method: Method, path: string): Uint8Array | string {
    const object = this.#log.object(path);
    if (object === undefined) return NOT_FOUND;
    if (method === "HEAD") return responseHead(object.length);
    let answer = this.#answers.get(object);
    if (answer === undefined) {
      answer = Buffer.concat([Buffer.from(responseHead(object.length)), object]);
      this.#answers.set(object, answer);
    }
    return answer;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      size: { type: "string" },
      "entry-size": { type: "string", default: "1000" },
      port: { type: "string", default: "0" },
      "idle-seconds": { type: "string", default: "600" },
    },
  });
  const size = Number(values.size);
  if (!Number.isSafeInteger(size) || size < 0) throw new Error("say of which --size the log is");
  const log = new EndlessLog({ size, entrySize: Number(values["entry-size"]) });
  const { origin, vkey } = log;
  const endless = new EndlessServer(log);
  const server = createServer({ noDelay: true }, (socket) => endless.serve(socket));
  server.listen(Number(values.port), "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const facts: EndlessFacts = { vkey, origin, size, rootHash: formatHash(log.rootHash) };
  announce({ url: `http://127.0.0.1:${port}`, ...facts });
  exitWhenIdle(Number(values["idle-seconds"]), () => endless.lastRequest);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) await main();
