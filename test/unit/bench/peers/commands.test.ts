/** The commands of the programs that are measured; none is run. */

import { beforeEach, describe, expect, it, vi } from "vitest";
import { aws } from "../../../../bench/clouds/aws.ts";
import { BenchCloud } from "../../../../bench/clouds/cloud.ts";
import { GOOGLE } from "../../../../bench/clouds/google.ts";
import { BEFORE_ID, ours, oursAndBefore, oursToCloud } from "../../../../bench/peers/ours.ts";
import { tesseraMigrate, tesseraToCloud } from "../../../../bench/peers/tessera.ts";
import { uploadsAlone } from "../../../../bench/peers/uploads-alone.ts";
import { type Candidate, symbolicCommand, type Task } from "../../../../bench/run/contender.ts";

const { build, goAvailable } = vi.hoisted(() => ({ build: vi.fn(), goAvailable: vi.fn() }));
vi.mock(import("../../../support/go/programs.ts"), () => ({ build, goAvailable }) as never);

const LOG = { directory: "", pathList: "", vkey: "", format: "tiles", size: 1000, bytes: 4_032_768 } as const;
const PROGRAM = "/dist/cmd/tlog-migrate.js";
const AWS = aws({} as never);
const AWS_VARIABLES = "AWS_ENDPOINT_URL_S3=$S3 MYSQL_PWD=$PASSWORD";
const VARIABLES = "STORAGE_EMULATOR_HOST=$STORAGE SPANNER_EMULATOR_HOST=$SPANNER";

function commandOf(candidate: Candidate | undefined, caFile?: string): string {
  if (candidate === undefined || "state" in candidate) throw new Error(candidate?.reason);
  return symbolicCommand(candidate, { log: LOG, caFile });
}

beforeEach(() => {
  goAvailable.mockReset().mockReturnValue(true);
  build.mockReset().mockImplementation(async (program: string) => `/somewhere/${program}`);
});

describe("ours", () => {
  const copy = "copy $SOURCE $TARGET --format tiles --vkey $VKEY --json --quiet";

  it("is the compiled program, and trusts the server's certificate over TLS", () => {
    const [mine] = oursAndBefore({ program: PROGRAM, before: undefined });
    expect(commandOf(mine)).toBe(`node ${PROGRAM} ${copy}`);
    expect(commandOf(mine, "/ca.pem")).toBe(`NODE_EXTRA_CA_CERTS=$CA node ${PROGRAM} ${copy}`);
  });

  it("runs next to an earlier build by the same command, whose directory is not shown", () => {
    const [mine, earlier] = oursAndBefore({ program: PROGRAM, before: "/old/dist/program.js" });
    expect(commandOf(earlier)).toBe(`node $BEFORE ${copy}`);
    expect([mine?.isOurs, earlier?.isOurs]).toEqual([true, false]);
    const far = oursToCloud("/old/dist/program.js", new BenchCloud(GOOGLE), {
      id: BEFORE_ID,
      label: "before",
    })(16);
    expect(commandOf(far)).toContain(" node $BEFORE copy ");
  });

  it("must have copied all of the log", () => {
    const contender = ours(PROGRAM, { id: "ours", label: "ours" });
    const task = { log: LOG } as unknown as Task;
    expect(() => contender.checkOutput?.('{"entries":1000,"size":1000}', task)).not.toThrow();
    expect(() => contender.checkOutput?.('{"entries":999,"size":1000}', task)).toThrow(/999 of 1000/);
  });

  it("copies into the cloud's bucket and database", () => {
    const contender = oursToCloud(PROGRAM, new BenchCloud(GOOGLE), { id: "ours", label: "ours" })(64);
    expect(commandOf(contender)).toBe(
      `${VARIABLES} node ${PROGRAM} copy $SOURCE gs://$BUCKET --spanner $DATABASE ` +
        "--vkey $VKEY --concurrency 64 --json --quiet",
    );
    const toAws = oursToCloud(PROGRAM, new BenchCloud(AWS), { id: "ours", label: "ours" })(64);
    expect(commandOf(toAws)).toBe(
      `${AWS_VARIABLES} node ${PROGRAM} copy $SOURCE s3://$BUCKET --mysql $DATABASE --no-mysql-tls ` +
        "--vkey $VKEY --concurrency 64 --json --quiet",
    );
  });
});

describe("Tessera's", () => {
  it("copies into a directory, or into the cloud's bucket and database", async () => {
    expect(commandOf(await tesseraMigrate({ format: "tiles", entries: 10, entrySize: 10 }))).toBe(
      "tessera-migrate-posix --source_url $SOURCE/ --storage_dir $TARGET",
    );
    expect(commandOf(await tesseraToCloud(new BenchCloud(GOOGLE), "gcp"))).toBe(
      `${VARIABLES} tessera-migrate-gcp --source_url $SOURCE/ --bucket $BUCKET --spanner $DATABASE`,
    );
    expect(commandOf(await tesseraToCloud(new BenchCloud(AWS), "aws"))).toMatch(
      /^AWS_.* tessera-migrate-aws --source_url \$SOURCE\/ --bucket \$BUCKET --s3_endpoint \$S3 .*--db_password \$PASSWORD$/,
    );
  });

  it("is left out where there is no Go, or where it cannot be built, and says so in a line", async () => {
    build.mockRejectedValue(new Error("go build failed\nwith a lot of text"));
    const reason = "it could not be built: go build failed";
    expect(await tesseraToCloud(new BenchCloud(GOOGLE), "gcp")).toMatchObject({ state: "skipped", reason });
    goAvailable.mockReturnValue(false);
    expect(await tesseraToCloud(new BenchCloud(GOOGLE), "gcp")).toMatchObject({
      reason: "Go is not installed",
    });
  });
});

it("uploads alone are as many as a copy makes, and as large: the log's bundles, and a tile for each", () => {
  // Four bundles, of which each has a quarter of the log's bytes but for its tile's.
  expect(commandOf(uploadsAlone(new BenchCloud(GOOGLE)))).toBe(
    `${VARIABLES} node bench/peers/uploads-alone.ts gs://$BUCKET 4 1000000`,
  );
  expect(commandOf(uploadsAlone(new BenchCloud(AWS)))).toContain("uploads-alone.ts s3://$BUCKET 4 1000000");
});
