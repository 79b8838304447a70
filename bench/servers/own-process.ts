/** Servers of the benchmark that run in processes of their own, whose CPU time is measured apart from that of this one. */

import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { startGuarded } from "../../test/support/go/guarded.ts";

/** A process that was started, as its parent sees it. It ends with its parent at the latest. */
export interface OwnProcess {
  readonly pid: number;
  /** Ends it; resolves when it has ended. */
  close(): Promise<void>;
}

/** A server of logs. */
export interface RunningServer extends OwnProcess {
  readonly url: string;
  /** What serves: "nginx 1.22.1", "bench/servers/node-server.ts". */
  readonly kind: string;
}

/** How a log's directory is served. */
export interface LogServerOptions {
  /**
   * Bundles and data tiles are stored gzip-compressed (`generateLog` with `gzip`), and are sent as they are with
   * Content-Encoding: gzip. Nothing is compressed by the server.
   */
  readonly gzip?: boolean;
  /** Serve https with this certificate. */
  readonly tls?: TlsFiles | undefined;
}

/** Names of files in PEM: a certificate that is signed by itself, which clients are to trust, and its key. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Starts a module and waits for what it announces. @throws Error if it ends before. */
export async function startModule<Announced extends OwnProcess>(
  file: string,
  args: readonly string[],
): Promise<Announced> {
  const { shell, close } = startGuarded([process.execPath, file, ...args]);
  const [line] = await Promise.race([
    once(createInterface(shell.stdout as NodeJS.ReadableStream), "line") as Promise<[string]>,
    once(shell, "exit").then(() => Promise.reject(new Error(`${file} ${args.join(" ")} did not start`))),
  ]);
  return { ...(JSON.parse(line) as Announced), close };
}

/**
 * Starts a command.
 * @returns also the lines of its output, which are read on, and dropped, once nobody reads them any more.
 */
export async function startPrinting(
  command: readonly string[],
): Promise<OwnProcess & { readonly lines: AsyncIterable<string> }> {
  const { shell, close } = startGuarded(command);
  const output = shell.stdout as Readable;
  const reader = createInterface(output);
  reader.once("close", () => output.resume());
  return { pid: Number(await text(shell.stdio[4] as Readable)), lines: reader, close };
}

/** Says that this process is ready, and what is to be known of it. */
export function announce(facts: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ pid: process.pid, ...facts })}\n`);
}
