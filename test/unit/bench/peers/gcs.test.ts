/** The commands of the programs that copy into Google's cloud; none is run. */

import { beforeEach, describe, expect, it, vi } from "vitest";
import { oursToGcs, tesseraToGcs, uploadsToGcs } from "../../../../bench/peers/gcs.ts";
import { isAbsent, symbolicCommand, type Task } from "../../../../bench/run/contender.ts";
import type { BenchCloud } from "../../../../bench/servers/cloud.ts";

const { build, goAvailable } = vi.hoisted(() => ({ build: vi.fn(), goAvailable: vi.fn() }));
vi.mock(import("../../../support/go/programs.ts"), () => ({ build, goAvailable }) as never);

const ENV = { STORAGE_EMULATOR_HOST: "$STORAGE", SPANNER_EMULATOR_HOST: "$SPANNER" };
const CLOUD = {
  home: { bucket: "$BUCKET", database: "$DATABASE", env: ENV },
  pids: [],
} as unknown as BenchCloud;
const LOG = { directory: "", pathList: "", vkey: "", format: "tiles", size: 1000, bytes: 4_032_768 } as const;
const VARIABLES = "STORAGE_EMULATOR_HOST=$STORAGE SPANNER_EMULATOR_HOST=$SPANNER";

const commandOf = (contender: Parameters<typeof symbolicCommand>[0]) =>
  symbolicCommand(contender, { log: LOG, caFile: undefined });

beforeEach(() => {
  goAvailable.mockReset().mockReturnValue(true);
  build.mockReset().mockResolvedValue("/somewhere/tessera-migrate-gcp");
});

describe("ours", () => {
  const contender = oursToGcs("/dist/cmd/tlog-migrate.js", CLOUD, { label: "ours", concurrency: 64 });

  it("copies into the cloud's bucket and database, as far as it is told to go at once", () => {
    expect(commandOf(contender)).toBe(
      `${VARIABLES} node /dist/cmd/tlog-migrate.js copy $SOURCE gs://$BUCKET --spanner $DATABASE ` +
        "--vkey $VKEY --concurrency 64 --json --quiet",
    );
  });

  it("is the program that is measured, and must have copied all of the log", () => {
    expect(contender).toMatchObject({ id: "ours-gcs", isOurs: true, place: CLOUD });
    const task = { log: LOG } as unknown as Task;
    expect(() => contender.checkOutput?.('{"entries":1000,"size":1000}', task)).not.toThrow();
    expect(() => contender.checkOutput?.('{"entries":999,"size":1000}', task)).toThrow(/999 of 1000/);
  });

  it("can be a row for a distance", () => {
    const far = oursToGcs("p", CLOUD, { id: "gcs-20ms", label: "20 ms", concurrency: 16 });
    expect(far).toMatchObject({ id: "gcs-20ms", label: "20 ms" });
  });
});

describe("Tessera's", () => {
  it("copies into the cloud's bucket and database", async () => {
    const candidate = await tesseraToGcs(CLOUD);
    if (isAbsent(candidate)) throw new Error(candidate.reason);
    expect(commandOf(candidate)).toBe(
      `${VARIABLES} tessera-migrate-gcp --source_url $SOURCE/ --bucket $BUCKET --spanner $DATABASE`,
    );
    expect(candidate.isOurs).toBeUndefined();
  });

  it("is left out where there is no Go, or where it cannot be built, and says so in a line", async () => {
    build.mockRejectedValue(new Error("go build failed\nwith a lot of text"));
    expect(await tesseraToGcs(CLOUD)).toMatchObject({ reason: "it could not be built: go build failed" });
    goAvailable.mockReturnValue(false);
    expect(await tesseraToGcs(CLOUD)).toMatchObject({ id: "tessera-gcs", reason: "Go is not installed" });
  });
});

describe("uploads alone", () => {
  it("are as many as a copy makes, and as large: the log's bundles, and a tile for each", () => {
    // Four bundles, of which each has a quarter of the log's bytes but for its tile's.
    expect(commandOf(uploadsToGcs("/dist/cmd/tlog-migrate.js", CLOUD, 32))).toBe(
      `${VARIABLES} node bench/stages/upload-loop.ts /dist/cmd/tlog-migrate.js $BUCKET 4 1000000 32`,
    );
  });
});
