/** Copies of logs into S3, out of it and within it: what is stored there, and that Tessera goes on from it. */

import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { migrate } from "../../../lib/index.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { expectTakenOver, newTarget, ownFiles, tesseraLog } from "../../support/go/tessera-takeover.ts";
import { useS3Server } from "../../support/go/use-s3-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { type KnownLog, migrationOptions } from "../../support/migration.ts";
import { differences, logDirectory, memoryDirectory } from "../../support/places/directory.ts";
import { pathsOf, verify } from "../../support/verification.ts";

/** A finished copy as a mirror that can be read. */
async function mirror(log: KnownLog, from: string, to: string): Promise<void> {
  const overrides = { targetOptions: { treeState: false }, saveCheckpoint: true, workers: 2 };
  const report = await migrate(migrationOptions(log, from, to, overrides));
  expect(report.outcome).toBe("handed-over");
}

describeWithGo("a log that Tessera made", () => {
  const s3 = useS3Server();

  it.each([0, 1, 256, 700, 65_793])(
    "of %i entries goes into S3, within it, and out to a directory, where Tessera's Appender appends",
    async (size) => {
      const log = await tesseraLog(size);
      const [first, second] = [`s3://${s3().newBucket()}`, `s3://${s3().newBucket()}/logs/one`];
      await mirror(log, log.dir, first);
      await mirror(log, first, second);
      const target = newTarget();
      const report = await migrate(migrationOptions(log, second, target));
      expect(report).toMatchObject({ outcome: "handed-over", entries: size });
      await expectTakenOver(target, log);
    },
  );

  it("is stored as Tessera's driver for AWS stores it", async () => {
    const log = await tesseraLog(700);
    const bucket = s3().newBucket();
    await mirror(log, log.dir, `s3://${bucket}/log`);
    for (const [path, expected] of ownFiles(log)) {
      const { bytes, headers } = await s3().object(bucket, `log/${path}`);
      expect(bytes.equals(expected), path).toBe(true);
      expect(headers.get("content-type")).toBe("application/octet-stream");
      expect(headers.get("cache-control")).toBe("max-age=604800,immutable");
    }
    const { headers } = await s3().object(bucket, "log/checkpoint");
    expect(headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(headers.get("cache-control")).toBe("no-cache");
  });
});

describeWithGo("a log in S3", () => {
  const s3 = useS3Server();
  const log = testLog({ size: 1000, entrySize: 20 });

  it("is verified: what is damaged, missing or beyond it is found, and repaired", async () => {
    const bucket = s3().newBucket();
    const place = `s3://${bucket}/log`;
    await mirror(log, logDirectory(log), place);
    expect(await verify(log, place)).toMatchObject({ faults: 0, entries: 1000, authority: "checkpoint" });
    await s3().putObject(bucket, "log/tile/entries/001", Buffer.from("damaged"));
    await s3().putObject(bucket, "log/tile/entries/200", Buffer.from("beyond"));
    await s3().deleteObject(bucket, "log/tile/0/002");
    expect(pathsOf(await verify(log, place))).toEqual(["tile/0/002", "tile/entries/001", "tile/entries/200"]);
    await s3().deleteObject(bucket, "log/tile/entries/200");
    const report = await verify(log, place, { repairFrom: logDirectory(log) });
    expect(report).toMatchObject({ faults: 0, repair: { repaired: 2 } });
  });

  it("as Sunlight keeps it, gzip-encoded below a prefix, is copied and verified", async () => {
    const ct = testLog({ size: 700, format: "static-ct" });
    const bucket = s3().newBucket();
    for (const [path, bytes] of ct.objects) {
      const isEncoded = path.startsWith("tile/data/");
      await s3().putObject(
        bucket,
        `2026h1/${path}`,
        isEncoded ? gzipSync(bytes) : bytes,
        isEncoded ? "gzip" : undefined,
      );
    }
    const target = memoryDirectory();
    const report = await migrate(migrationOptions(ct, `s3://${bucket}/2026h1`, target));
    expect(report.outcome).toBe("handed-over");
    expect(differences(target, ct)).toEqual([]);
    expect(await verify(ct, `s3://${bucket}/2026h1`)).toMatchObject({ faults: 0, entries: 700 });
  });
});
