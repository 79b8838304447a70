/**
 * Logs that Tessera's Appender adds 200 entries a second to, for two minutes and on each kind of place at once, are moved
 * while they grow.
 */

import { join } from "node:path";
import { it } from "vitest";
import { serveDirectory } from "../support/go/growing-source.ts";
import { stateOf, urlOf } from "../support/go/homes.ts";
import { expectMovedLive, type LiveMove } from "../support/go/live-move.ts";
import { newTarget } from "../support/go/tessera-takeover.ts";
import { describeWithMariaDb, useAws } from "../support/go/use-aws.ts";
import { useGcpEmulators } from "../support/go/use-gcp-emulators.ts";
import { useGoPrograms } from "../support/go/use-go-programs.ts";
import { memoryDirectory } from "../support/places/directory.ts";

const [LARGE, SMALL] = [10_000_000, 3_000];
const TIMEOUT_MS = 600_000;

describeWithMariaDb("live logs", () => {
  useGoPrograms("awskit", "tesserakit");
  const [emulators, aws] = [useGcpEmulators(), useAws()];

  async function directories(): Promise<LiveMove> {
    const [from, to] = [{ dir: join(memoryDirectory(), "source") }, { dir: newTarget() }];
    return { from, to, source: (await serveDirectory(from.dir)).url, target: to.dir };
  }

  async function google(): Promise<LiveMove> {
    const [from, to] = [await emulators().newHome("source"), await emulators().newHome("target")];
    const stateArguments = ["--spanner", to.database];
    return { from, to, source: urlOf(from), target: urlOf(to), stateArguments, targetOptions: stateOf(to) };
  }

  async function amazon(): Promise<LiveMove> {
    const [from, to] = [await aws().newHome("source"), await aws().newHome("target")];
    const stateArguments = ["--mysql", to.sql.address, "--no-mysql-tls"];
    return { from, to, source: urlOf(from), target: urlOf(to), stateArguments, targetOptions: stateOf(to) };
  }

  it(
    "are moved whatever is killed: to another directory, one of 10,000,000 entries, and to other buckets and databases; Tessera goes on",
    async () => {
      const [directory, ...buckets] = [await directories(), await google(), await amazon()];
      await Promise.all([
        expectMovedLive(directory, LARGE),
        ...buckets.map((move) => expectMovedLive(move, SMALL)),
      ]);
    },
    TIMEOUT_MS,
  );
});
