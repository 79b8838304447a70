/**
 * A static file server for a log directory that costs as little of the machine as it can, because the tool that
 * is measured runs on the same cores.
 *
 *     node bench/server.ts DIR [--port 0] [--gzip] [--tls-cert FILE --tls-key FILE] [--idle-seconds 600]
 *
 * It prints {"url","pid"} as one line once it listens; own-process.ts tells when it ends.
 */

import { once } from "node:events";
import { closeSync, openSync, readFileSync, readSync, realpathSync, statSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { resolve } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { answerRequests, type Method, NOT_FOUND, responseHead } from "./http-requests.ts";
import { announce, exitWhenIdle, type OwnProcess, startOwnProcess } from "./own-process.ts";
import type { TlsFiles } from "./tls.ts";

export interface ServerOptions {
  /** Send entry bundles and data tiles with Content-Encoding: gzip. Those stored compressed go out as they are. */
  readonly gzip?: boolean;
  /** Serve https with this certificate. */
  readonly tls?: Pick<TlsFiles, "certFile" | "keyFile"> | undefined;
  /** How long it outlives its last request; default 600. */
  readonly idleSeconds?: number;
  /** Default: any free port. */
  readonly port?: number;
}

export interface RunningServer extends OwnProcess {
  readonly url: string;
}

/** Serves a directory from a process of its own, which ends with this one at the latest. */
export async function startServer(directory: string, options: ServerOptions = {}): Promise<RunningServer> {
  const { gzip = false, tls, idleSeconds = 600, port = 0 } = options;
  const args = [resolve(directory), `--port=${port}`, `--idle-seconds=${idleSeconds}`];
  if (gzip) args.push("--gzip");
  if (tls !== undefined) args.push(`--tls-cert=${tls.certFile}`, `--tls-key=${tls.keyFile}`);
  return await startOwnProcess<{ url: string; pid: number }>(import.meta.filename, args);
}

/** Room for the head of a response before its body, so that both leave in one write. */
const HEAD_SPACE = 256;
/** Larger objects are read into memory of their own. */
const BODY_SPACE = 640 << 10;
const BUNDLE_PATH = /^\/tile\/(?:data|entries)\//;

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
    answerRequests(socket, (method, path) => {
      this.lastRequest = Date.now();
      if (this.#gzip && BUNDLE_PATH.test(path)) this.#answerCompressed(socket, method, path);
      else if (method === "GET") this.#answerGet(socket, path);
      else this.#answerHead(socket, path);
    });
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

  #answerCompressed(socket: Socket, method: Method, path: string): void {
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

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      port: { type: "string", default: "0" },
      gzip: { type: "boolean", default: false },
      "tls-cert": { type: "string" },
      "tls-key": { type: "string" },
      "idle-seconds": { type: "string", default: "600" },
    },
  });
  const [directory] = positionals;
  if (directory === undefined) throw new Error("say which directory to serve");
  const { "tls-cert": certFile, "tls-key": keyFile } = values;
  const files = new FileServer(realpathSync(directory), values.gzip);
  const serve = (socket: Socket) => files.serve(socket);
  const server =
    certFile === undefined || keyFile === undefined
      ? createServer({ noDelay: true }, serve)
      : createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile), noDelay: true }, serve);
  server.listen(Number(values.port), "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  announce({ url: `${certFile === undefined ? "http" : "https"}://127.0.0.1:${port}` });
  exitWhenIdle(Number(values["idle-seconds"]), () => files.lastRequest);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) await main();
