/** Promise 1: objects that are too short, too long, missing or not what their headers say are found by their path. */

import { gzipSync } from "node:zlib";
import { test } from "vitest";
import { type Interceptor, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, expectTamperingFound, notFound } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";

const ENTRY = 2 + 30;
const GZIP = { "content-encoding": "gzip" };

/** What a hostile or broken source makes of an entry bundle. */
function spoiledBundles(bundle: Buffer): Record<string, Interceptor> {
  const overrun = Buffer.from(bundle);
  overrun.writeUInt16BE(31, bundle.length - ENTRY);
  return {
    "shortened by a byte": answerWith(bundle.subarray(0, -1)),
    "shortened by an entry": answerWith(bundle.subarray(0, -ENTRY)),
    "lengthened by a byte": answerWith(Buffer.concat([bundle, Buffer.of(0)])),
    "lengthened by an entry": answerWith(Buffer.concat([bundle, bundle.subarray(0, ENTRY)])),
    "with entries that overrun it": answerWith(overrun),
    "with two entries swapped": answerWith(
      Buffer.concat([
        bundle.subarray(ENTRY, 2 * ENTRY),
        bundle.subarray(0, ENTRY),
        bundle.subarray(2 * ENTRY),
      ]),
    ),
    empty: answerWith(Buffer.alloc(0)),
    missing: notFound,
    "not gzip though it says so": answerWith(bundle, GZIP),
    "gzip that is cut off": answerWith(gzipSync(bundle).subarray(0, -9), GZIP),
    "in an encoding that it does not have": answerWith(bundle, { "content-encoding": "br" }),
  };
}

/** The same for a tile. */
function spoiledTiles(tile: Buffer): Record<string, Interceptor> {
  return {
    "shortened by a byte": answerWith(tile.subarray(0, -1)),
    "shortened by a hash": answerWith(tile.subarray(0, -32)),
    "lengthened by a hash": answerWith(Buffer.concat([tile, tile.subarray(0, 32)])),
    empty: answerWith(Buffer.alloc(0)),
    missing: notFound,
    "not gzip though it says so": answerWith(tile, GZIP),
  };
}

test.each(["tile/entries/000", "tile/entries/001.p/44"])("a spoiled %s is found", async (path) => {
  const log = testLog({ size: 300, entrySize: 30 });
  const server = await startLogServer(log.objects);
  for (const answer of Object.values(spoiledBundles(log.object(path)))) {
    await expectTamperingFound({ log, server, path, answer });
  }
});

test.each([
  { size: 600, path: "tile/1/000.p/2" },
  { size: 600, path: "tile/0/002.p/88" },
  { size: 65_536, path: "tile/1/000" },
])("a spoiled $path of a log of $size is found", async ({ size, path }) => {
  const log = testLog({ size, entrySize: 30 });
  const server = await startLogServer(log.objects);
  for (const answer of Object.values(spoiledTiles(log.object(path)))) {
    await expectTamperingFound({ log, server, path, answer });
  }
});

test("a bundle larger than its entries can be is found before it is held, announced or not", async () => {
  const log = testLog({ size: 1, entrySize: 30 });
  const server = await startLogServer(log.objects);
  const path = "tile/entries/000.p/1";
  const tooLarge = Buffer.alloc(2 + 0xffff + 1);
  const unannounced: Interceptor = (_request, response) => {
    response.writeHead(200);
    response.write(tooLarge.subarray(0, 40_000));
    response.end(tooLarge.subarray(40_000));
  };
  for (const answer of [
    answerWith(tooLarge),
    unannounced,
    answerWith(gzipSync(tooLarge), GZIP),
    answerWith(gzipSync(Buffer.alloc(50_000_000)), GZIP),
  ]) {
    await expectTamperingFound({ log, server, path, answer });
  }
});

test("where a partial object is gone, the full one in its place must begin with it", async () => {
  const log = testLog({ size: 300, entrySize: 30 });
  const server = await startLogServer(log.objects);
  for (const [partial, full, entry] of [
    ["tile/entries/001.p/44", "tile/entries/001", "tile/entries/000"],
    ["tile/0/001.p/44", "tile/0/001", "tile/0/000"],
  ] as const) {
    const undo = server.intercept(full, answerWith(log.object(entry)));
    await expectTamperingFound({ log, server, path: partial, answer: notFound });
    undo();
  }
});
