/**
 * Serves a log by node:http: a directory, or a log of any size that is made while it is read.
 *
 *     node bench/servers/node-server.ts --directory DIR [--gzip] [--cert FILE --key FILE] [--port 0]
 *     node bench/servers/node-server.ts --endless 1000000000 [--entry-size 1000] [--port 0]
 *
 * It prints its URL, and what else is to be known, as one line of JSON once it listens.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { EndlessLog } from "../../test/logs/endless.ts";
import { announce, type LogServerOptions, type RunningServer, startModule } from "./own-process.ts";

/** Serves a directory. */
export async function startNodeServer(
  directory: string,
  { gzip = false, tls }: LogServerOptions = {},
): Promise<RunningServer> {
  const args = [`--directory=${resolve(directory)}`];
  if (gzip) args.push("--gzip");
  if (tls !== undefined) args.push(`--cert=${tls.certFile}`, `--key=${tls.keyFile}`);
  return await startModule<RunningServer>(import.meta.filename, args);
}

/** Serves a log of any size that is not stored, by the arguments that `endlessArguments` gives. */
export async function startEndless(
  args: readonly string[],
): Promise<RunningServer & { readonly vkey: string }> {
  return await startModule<RunningServer & { readonly vkey: string }>(import.meta.filename, args);
}

export function endlessArguments(size: number, entrySize: number): string[] {
  return ["--endless", String(size), "--entry-size", String(entrySize)];
}

/** A plain path from the root. Nothing in a log's paths starts with a dot, so none leads out of a directory. */
const LOG_PATH = /^\/((?:[\w-][\w.-]*)(?:\/[\w-][\w.-]*)*)$/;
const BUNDLE_PATH = /^tile\/(?:data|entries)\//;

/** Answers GET and HEAD. @param read gives the object at a path. @param gzip bundles are compressed. */
export function answerFrom(read: (path: string) => Uint8Array | undefined, gzip = false): RequestListener {
  return ({ url = "" }, response) => {
    const path = LOG_PATH.exec(url)?.[1] ?? "";
    const bytes = path === "" ? undefined : read(path);
    if (bytes === undefined) {
      response.writeHead(404, { "content-length": 0 }).end();
      return;
    }
    const encoding = gzip && BUNDLE_PATH.test(path) ? { "content-encoding": "gzip" } : {};
    const type = "application/octet-stream";
    response.writeHead(200, { "content-length": bytes.length, "content-type": type, ...encoding }).end(bytes);
  };
}

function readFile(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["ENOENT", "ENOTDIR", "EISDIR"].includes(code)) throw error;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      directory: { type: "string" },
      endless: { type: "string" },
      "entry-size": { type: "string", default: "1000" },
      gzip: { type: "boolean", default: false },
      cert: { type: "string" },
      key: { type: "string" },
      port: { type: "string", default: "0" },
    },
  });
  const { directory = "", endless, "entry-size": entrySize, gzip, cert, key, port } = values;
  const log =
    endless === undefined
      ? undefined
      : new EndlessLog({ size: Number(endless), entrySize: Number(entrySize) });
  const answer = answerFrom((path) => log?.object(path) ?? readFile(join(directory, path)), gzip);
  const tls =
    cert === undefined || key === undefined
      ? undefined
      : { cert: readFileSync(cert), key: readFileSync(key) };
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  server.keepAliveTimeout = 3_600_000;
  server.listen(Number(port), "127.0.0.1");
  await once(server, "listening");
  const origin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `${tls === undefined ? "http" : "https"}://${origin}`;
  announce({ url, kind: "bench/servers/node-server.ts", vkey: log?.vkey });
}

if (import.meta.main) await main();
