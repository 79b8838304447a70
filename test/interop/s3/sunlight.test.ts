/** A log that the real Sunlight keeps in a bucket, with all the partial tiles that it never removes, as a source. */

import { join } from "node:path";
import { expect, it } from "vitest";
import { migrate, staticCtVerifier, verifyLog } from "../../../lib/index.ts";
import { FIRST, fillLog, IDENTITY } from "../../support/go/ct-takeover.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { readLog } from "../../support/go/log-files.ts";
import { startSunlight } from "../../support/go/sunlight.ts";
import { useS3Server } from "../../support/go/use-s3-server.ts";
import { migrationOptions } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

/** Two full tiles and a partial one. */
const SIZE = 700;

describeWithGo("a log that Sunlight keeps in S3", () => {
  const s3 = useS3Server();

  it.each(["", "2026h1/"])("below the key prefix %j, is copied and verified", async (prefix) => {
    const bucket = s3().newBucket();
    const place = { endpoint: s3().origin, bucket, prefix };
    const directory = join(memoryDirectory(), "sunlight");
    await using sunlight = await startSunlight({ ...IDENTITY, directory, authorities: [FIRST], s3: place });
    await fillLog(sunlight, SIZE);
    await sunlight.end();

    const { publicKey, vkey, origin } = sunlight;
    const policy = { verifiers: [staticCtVerifier(publicKey, origin)] };
    const [source, target] = [`s3://${bucket}/${prefix}`, memoryDirectory()];
    const known = { vkey, format: "static-ct" } as const;
    const report = await migrate(migrationOptions(known, source, target, { policy, deep: true, workers: 2 }));
    expect(report).toMatchObject({ outcome: "handed-over", entries: SIZE, size: SIZE });
    for (const index of ["000", "001"]) {
      const stored = await s3().object(bucket, `${prefix}tile/data/${index}`);
      expect(stored.headers.get("content-encoding")).toBe("gzip");
      // Decoded by what fetches it.
      expect(readLog(target).get(`tile/data/${index}`)).toEqual(stored.bytes);
    }
    const access = { userAgentVersion: "test" };
    const verified = await verifyLog({ log: source, policy, access, workers: 1 });
    expect(verified.findings).toEqual([]);
    expect(verified).toMatchObject({ faults: 0, entries: SIZE });

    // What it would store is not encoded, and Sunlight would not start on that.
    await s3().putObject(bucket, `${prefix}tile/0/000`, Buffer.from("damaged"));
    const repaired = await verifyLog({ log: source, repairFrom: target, policy, access, workers: 1 });
    expect(repaired.findings[0]?.path).toBe("tile/0/000");
    expect(repaired.repair?.repaired).toBe(0);
    expect(repaired.repair?.notRepaired[0]?.problem).toMatch(/is stored with a Content-Encoding/);
  });
});
