/**
 * A static file server for a log directory that costs as little of the machine as it can, because the tool that
 * is measured runs on the same cores. Of HTTP/1.1 it knows what log clients use: GET and HEAD, keep-alive,
 * pipelining, no bodies in requests.
 *
 *     node bench/server.ts DIR [--port 0] [--gzip] [--idle-seconds 600]
 *
 * It prints {"url","pid"} as one line once it listens, and ends on SIGTERM, when the pipe on its standard input
 * closes (its parent died), or when nobody has asked for anything for a while.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fstatSync, openSync, readFileSync, readSync, realpathSync, statSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

export interface ServerOptions {
  /** Send entry bundles and data tiles with Content-Encoding: gzip. Those stored compressed go out as they are. */
  readonly gzip?: boolean;
  /** How long it outlives its last request; default 600. */
  readonly idleSeconds?: number;
  /** Default: any free port. */
  readonly port?: number;
}

export interface RunningServer {
  readonly url: string;
  readonly pid: number;
  close(): Promise<void>;
}

/** Serves a directory from a process of its own, which ends with this one at the latest. */
export async function startServer(directory: string, options: ServerOptions = {}): Promise<RunningServer> {
  const { gzip = false, idleSeconds = 600, port = 0 } = options;
  const flags = [`--port=${port}`, `--idle-seconds=${idleSeconds}`, ...(gzip ? ["--gzip"] : [])];
  const child = spawn(process.execPath, [import.meta.filename, resolve(directory), ...flags], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const lines = createInterface(child.stdout);
  const [line] = await Promise.race([
    once(lines, "line") as Promise<[string]>,
    exited.then(() => Promise.reject(new Error(`the server of ${directory} did not start`))),
  ]);
  const { url, pid } = JSON.parse(line) as { url: string; pid: number };
  return {
    url,
    pid,
    async close() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** Room for the head of a response before its body, so that both leave in one write. */
const HEAD_SPACE = 256;
/** Larger objects are read into memory of their own. */
const BODY_SPACE = 640 << 10;
const NOT_FOUND = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const NOT_ALLOWED = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n";
const BUNDLE_PATH = /^\/tile\/(?:data|entries)\//;
/** Nothing in a log's paths starts with a dot, so no path leads out of the directory. */
const LOG_PATH = /^(?:\/[\w-][\w.-]*)+$/;

/** Answers requests for the files of one directory. */
class FileServer {
  lastRequest = Date.now();
  readonly #directory: string;
  readonly #gzip: boolean;
  /** Bundles that were compressed here, by path. */
  readonly #compressed = new Map<string, Buffer>();
  /** Buffers not in use. Measured: a fresh one for each response doubles the CPU that the response takes. */
  readonly #buffers: Buffer[] = [];

  constructor(directory: string, gzip: boolean) {
    this.#directory = directory;
    this.#gzip = gzip;
  }

  serve(socket: Socket): void {
    let pending = "";
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      this.lastRequest = Date.now();
      pending += chunk.toString("latin1");
      let start = 0;
      for (let end = pending.indexOf("\r\n\r\n"); end >= 0; end = pending.indexOf("\r\n\r\n", start)) {
        this.#answer(socket, pending.slice(start, end));
        start = end + 4;
      }
      pending = pending.slice(start);
    });
  }

  #answer(socket: Socket, head: string): void {
    const [method, path = "", version = ""] = head.split(" ", 3);
    if (method !== "GET" && method !== "HEAD") socket.write(NOT_ALLOWED);
    else if (!LOG_PATH.test(path)) socket.write(NOT_FOUND);
    else if (this.#gzip && BUNDLE_PATH.test(path)) this.#answerCompressed(socket, method, path);
    else if (method === "GET") this.#answerGet(socket, path);
    else this.#answerHead(socket, path);
    if (!version.startsWith("HTTP/1.1") || /\r\nconnection: *close/i.test(head)) socket.end();
  }

  #answerGet(socket: Socket, path: string): void {
    const buffer = this.#buffers.pop() ?? Buffer.allocUnsafeSlow(HEAD_SPACE + BODY_SPACE);
    const length = readFileInto(buffer, this.#directory + path);
    if (length === undefined || length === BODY_SPACE) {
      this.#buffers.push(buffer);
      if (length === undefined) socket.write(NOT_FOUND);
      else this.#answerLarge(socket, path);
      return;
    }
    const head = responseHead(length);
    const start = HEAD_SPACE - head.length;
    buffer.write(head, start, "latin1");
    socket.write(buffer.subarray(start, HEAD_SPACE + length), () => this.#buffers.push(buffer));
  }

  #answerLarge(socket: Socket, path: string): void {
    const body = readFileSync(this.#directory + path);
    socket.write(responseHead(body.length));
    socket.write(body);
  }

  #answerHead(socket: Socket, path: string): void {
    const status = statSync(this.#directory + path, { throwIfNoEntry: false });
    socket.write(status?.isFile() ? responseHead(status.size) : NOT_FOUND);
  }

  #answerCompressed(socket: Socket, method: string, path: string): void {
    const body = this.#compressed.get(path) ?? this.#compress(path);
    if (body === undefined) {
      socket.write(NOT_FOUND);
      return;
    }
    socket.write(responseHead(body.length, "Content-Encoding: gzip\r\n"));
    if (method === "GET") socket.write(body);
  }

  #compress(path: string): Buffer | undefined {
    const status = statSync(this.#directory + path, { throwIfNoEntry: false });
    if (!status?.isFile()) return undefined;
    const stored = readFileSync(this.#directory + path);
    if (stored[0] === 0x1f && stored[1] === 0x8b) return stored;
    const body = gzipSync(stored);
    this.#compressed.set(path, body);
    return body;
  }
}

function responseHead(length: number, further = ""): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n${further}Content-Length: ${length}\r\n\r\n`;
}

/**
 * Reads a file behind the room for the head, and returns how many bytes it has: BODY_SPACE if it has as many or
 * more, undefined if there is none. One read(2) on a regular file stops short only at its end.
 */
function readFileInto(buffer: Buffer, file: string): number | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, "r");
    return readSync(descriptor, buffer, HEAD_SPACE, BODY_SPACE, null);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? ""))
      return undefined;
    throw error;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Ends this process when the pipe on its standard input closes; a terminal or a file there means nothing. */
function exitWithParent(): void {
  const input = fstatSync(0);
  if (!input.isFIFO() && !input.isSocket()) return;
  process.stdin.on("end", () => process.exit()).resume();
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      port: { type: "string", default: "0" },
      gzip: { type: "boolean", default: false },
      "idle-seconds": { type: "string", default: "600" },
    },
  });
  const [directory] = positionals;
  if (directory === undefined) throw new Error("say which directory to serve");
  const idleMs = Number(values["idle-seconds"]) * 1000;
  const files = new FileServer(realpathSync(directory), values.gzip);
  const server = createServer({ noDelay: true }, (socket) => files.serve(socket));
  server.listen(Number(values.port), "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}`, pid: process.pid }));
  process.on("SIGTERM", () => process.exit());
  exitWithParent();
  setInterval(() => {
    if (Date.now() - files.lastRequest > idleMs) process.exit();
  }, 1000);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) await main();
