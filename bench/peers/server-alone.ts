/**
 * What the server alone can deliver: every bundle is fetched and dropped, by requests that are all sent at once over a
 * few connections, and answers of which nothing is looked at but how long they are together.
 *
 *     node bench/peers/server-alone.ts URL PATHS
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Contender } from "../run/contender.ts";

const CONNECTIONS = 32;
/** Bytes of the level-0 tiles for each entry, and a little more: what is left of a log is in its bundles. */
const TILE_BYTES = 33;

export const SERVER_ALONE: Contender = {
  id: "fetch",
  label: "the server alone",
  command: ({ sourceUrl, log }) => ({
    file: process.execPath,
    args: [import.meta.filename, sourceUrl, log.pathList],
  }),
  checkOutput(stdout, { log }) {
    const least = log.bytes - TILE_BYTES * log.size - 10_000;
    if (Number(stdout) < least) throw new Error(`it fetched ${stdout} bytes, not ${least}`);
  },
};

/** Fetches paths over one connection. @returns bytes of the answers, heads and all. */
async function fetchAll({ hostname, port }: URL, paths: readonly string[], buffer: Buffer): Promise<number> {
  let bytes = 0;
  const callback = (length: number): boolean => {
    bytes += length;
    return true;
  };
  const socket = connect({ host: hostname, port: Number(port), onread: { buffer, callback } });
  const requests = paths.map((path, index) => {
    const isLast = index === paths.length - 1;
    return `GET /${path} HTTP/1.1\r\nHost: ${hostname}\r\n${isLast ? "Connection: close\r\n" : ""}\r\n`;
  });
  socket.write(requests.join(""));
  await once(socket, "close");
  return bytes;
}

async function main([url = "", pathList = ""]: readonly string[]): Promise<void> {
  const paths = readFileSync(pathList, "utf8")
    .split("\n")
    .filter((path) => /^tile\/(?:data|entries)\//.test(path));
  const share = Math.ceil(paths.length / CONNECTIONS);
  const shares = Array.from({ length: CONNECTIONS }, (_, i) => paths.slice(i * share, (i + 1) * share));
  // What was read is dropped before the next read, so that all connections share it.
  const buffer = Buffer.allocUnsafeSlow(1 << 18);
  const fetches = shares
    .filter(({ length }) => length > 0)
    .map((some) => fetchAll(new URL(url), some, buffer));
  console.log((await Promise.all(fetches)).reduce((sum, bytes) => sum + bytes, 0));
}

if (import.meta.main) await main(process.argv.slice(2));
