/**
 * Copies into the combinations of a bucket and a database for which Tessera has no driver of its own, and what its drivers
 * make of them.
 *
 * rekor-tiles runs Tessera's driver for AWS on Cloud Storage and MySQL: Cloud Storage also speaks S3's protocol. No
 * emulator speaks both, so that here the objects, as they are, are carried from the one server to the other, and back.
 * Nobody is known to run S3 with Spanner; it is proved in the same way.
 */

import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { expect, it } from "vitest";
import { migrate } from "../../../lib/index.ts";
import type { OptionValues } from "../../../lib/migrate/ports/backend.ts";
import { expectAppends, opens } from "../../support/go/home-takeover.ts";
import { type Home, mysqlState, urlOf } from "../../support/go/homes.ts";
import { type Rekor, rekorVkey, startRekor } from "../../support/go/rekor.ts";
import { makeLog } from "../../support/go/tessera.ts";
import { describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { migrationOptions } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";
import { verify } from "../../support/verification.ts";

const identity = { origin: "log.example/combined", key: "the log's key" };

interface Combination {
  readonly url: string;
  readonly state: OptionValues;
  /** The same log to a driver of Tessera's. */
  readonly home: Home;
  /** Carries the objects to where that driver sees them. */
  carry(): Promise<unknown>;
  carryBack(): Promise<unknown>;
}

describeWithMariaDb("a copy that Tessera takes over", () => {
  useGoPrograms("awskit", "ctkit", "gcpkit", "rekor-gcpcloudsql", "tesserakit");
  const aws = useAws();
  const emulators = useGcpEmulators();

  const toS3 = async (from: string, to: string) => {
    for (const [name, { bytes }] of await emulators().objects(from))
      await aws().s3.putObject(to, name, bytes);
  };
  const toGcs = async (from: string, to: string) => {
    for (const [name, { bytes }] of await aws().s3.objects(from))
      await emulators().putObject(to, name, bytes);
  };

  const combinations: Record<string, () => Promise<Combination>> = {
    "Cloud Storage and MySQL": async () => {
      const [gcs, home] = [await emulators().newBucket(), await aws().newHome()];
      return {
        ...{ url: `gs://${gcs}`, state: mysqlState(home.sql), home },
        carry: () => toS3(gcs, home.bucket),
        carryBack: () => toGcs(home.bucket, gcs),
      };
    },
    "S3 and Spanner": async () => {
      const [s3, home] = [aws().s3.newBucket(), await emulators().newHome()];
      return {
        ...{ url: `s3://${s3}`, state: { spanner: home.database }, home },
        carry: () => toGcs(s3, home.bucket),
        carryBack: () => toS3(home.bucket, s3),
      };
    },
  };

  it.each(Object.keys(combinations).flatMap((name) => [0, 256, 700].map((size) => [name, size] as const)))(
    "from %s, with %i entries",
    async (name, size) => {
      const dir = join(memoryDirectory(), "source");
      const log = await makeLog({ dir, ...identity, size });
      const known = { vkey: log.vkey, format: "tiles" as const };
      const { url, state, home, carry, carryBack } = await (
        combinations[name] as () => Promise<Combination>
      )();
      const copy = (handOver: boolean) =>
        migrate(migrationOptions(known, dir, url, { targetOptions: state, handOver }));
      expect(await copy(false)).toMatchObject({ outcome: "ready-for-handover" });
      expect(await opens(home, log)).toBe(false);
      expect(await copy(true)).toMatchObject({ outcome: "handed-over", size, rootHash: log.rootHash });
      expect(await verify(known, url, { targetOptions: state })).toMatchObject({ faults: 0, size });
      await carry();
      await expectAppends(home, log, identity);
      await carryBack();
      expect(await verify(known, url, { targetOptions: state })).toMatchObject({
        faults: 0,
        size: size + 300,
      });
      expect(await copy(true)).toMatchObject({ outcome: "taken-over" });
    },
  );

  it("from Cloud Storage and MySQL with rekor-tiles, which goes on and knows what it had", async () => {
    const whose = { hostname: "rekor.log.example", key: generateKeyPairSync("ed25519").privateKey };
    const artifacts = Array.from({ length: 260 }, (_, n) => `artifact ${n}`);
    const source = await aws().newHome();
    const indices = new Map<string, number>();
    {
      await using rekor = await startRekor({ ...source, ...whose });
      const added = artifacts.map(async (artifact) =>
        indices.set(artifact, indexIn(await rekor.add(artifact))),
      );
      await Promise.all(added);
      await rekor.stop();
    }
    expect([...indices.values()].sort((a, b) => a - b)).toEqual(artifacts.map((_, n) => n));

    const known = { vkey: rekorVkey(whose), format: "tiles" as const };
    const [gcs, home] = [await emulators().newBucket(), await aws().newHome()];
    const [url, targetOptions] = [`gs://${gcs}`, mysqlState(home.sql)];
    const copy = (handOver: boolean) =>
      migrate(migrationOptions(known, urlOf(source), url, { targetOptions, handOver }));
    expect(await copy(false)).toMatchObject({ outcome: "ready-for-handover", size: 260 });
    // It makes the tables of its antispam index first, in the same database.
    await expect(startRekor({ ...home, ...whose })).rejects.toThrow("compatibilityVersion (0)");
    expect(await home.sql.query("SHOW TABLES LIKE 'AntispamFollowCoord'")).toHaveLength(1);
    expect(await copy(true)).toMatchObject({ outcome: "handed-over", size: 260 });

    await toS3(gcs, home.bucket);
    await using rekor = await startRekor({ ...home, ...whose });
    expect(await rekor.add("another artifact")).toEqual({ index: 260 });
    const followed = async () =>
      (await home.sql.query("SELECT nextIdx FROM AntispamFollowCoord"))[0]?.nextIdx;
    await expect.poll(followed, { timeout: 60_000 }).toBe(261);
    for (const artifact of ["artifact 0", "artifact 259"]) {
      const already = `409 an equivalent entry already exists in the transparency log with index ${indices.get(artifact)}`;
      expect(await rekor.add(artifact)).toEqual({ refusal: already });
    }
    await rekor.stop();
    await toGcs(home.bucket, gcs);
    expect(await verify(known, url, { targetOptions })).toMatchObject({ faults: 0, size: 261, entries: 261 });
  });
});

function indexIn(added: Awaited<ReturnType<Rekor["add"]>>): number {
  if ("index" in added) return added.index;
  throw new Error(added.refusal);
}
