/** Sunlight goes on from a copy of its log in a bucket, and with its lock in one; and from nothing that is less. */

import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  abandon,
  type MigrationOptions,
  migrate,
  staticCtVerifier,
  targetStatus,
  verifyLog,
} from "../../../lib/index.ts";
import type { OptionValues } from "../../../lib/migrate/ports/backend.ts";
import type { CtReport } from "../../support/go/ct-logs.ts";
import { readWithSunlight } from "../../support/go/ct-readers.ts";
import { ISSUERS, submitChains } from "../../support/go/ct-submissions.ts";
import { FIRST, fillLog, IDENTITY } from "../../support/go/ct-takeover.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { readLog, requiredPaths } from "../../support/go/log-files.ts";
import { checkpointDatabase, type SunlightOptions, startSunlight } from "../../support/go/sunlight.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { useS3Server } from "../../support/go/use-s3-server.ts";
import { migrationOptions } from "../../support/migration.ts";
import { startMigration } from "../../support/migration-process.ts";
import { filesBelow, memoryDirectory } from "../../support/places/directory.ts";

const APPENDED = 300;

const access = { userAgentVersion: "test" };

/** The key of the log, which is the same wherever it is. */
interface Known {
  readonly publicKey: string;
  readonly origin: string;
  readonly vkey: string;
}

/** Where a log is, or is to be. */
interface Place {
  readonly url: string;
  /** How Sunlight is told of it. */
  readonly options: Pick<SunlightOptions, "directory" | "s3">;
  /** The bytes of an object as they are stored. */
  stored(path: string): Buffer;
}

/** A lock, as we and Sunlight are told of it. */
interface Lock {
  readonly targetOptions: OptionValues;
  readonly options: Pick<SunlightOptions, "lock">;
}

describeWithGo("a log of Sunlight", () => {
  useGoPrograms("ctkit", "skylight", "sunlight");
  const s3 = useS3Server();

  async function newDirectory(): Promise<Place> {
    const directory = join(memoryDirectory(), "sunlight");
    await mkdir(directory);
    const log = join(directory, "log");
    return {
      url: `gzip+file://${log}`,
      options: { directory },
      stored: (path) => readLog(log).get(path) as Buffer,
    };
  }

  async function newBucket(prefix: string): Promise<Place> {
    const bucket = s3().newBucket();
    const directory = join(memoryDirectory(), "sunlight");
    await mkdir(directory);
    return {
      url: `gzip+s3://${bucket}/${prefix}`,
      options: { directory, s3: { endpoint: s3().origin, bucket, prefix } },
      stored: (path) => readFileSync(join(s3().directoryOf(bucket), prefix, path)),
    };
  }

  const newDatabase = ({ options: { directory } }: Place): Lock => ({
    targetOptions: { sunlightLock: checkpointDatabase(directory) },
    options: {},
  });

  function newLockBucket(): Lock & { readonly bucket: string } {
    const bucket = s3().newBucket();
    const options = { lock: { endpoint: s3().origin, bucket } };
    return { bucket, targetOptions: { sunlightLock: `s3://${bucket}` }, options };
  }

  /** Starts Sunlight where a copy is; its bucket is served meanwhile. */
  async function startOn(
    { options }: Place,
    lock: Lock,
    authorities: readonly string[],
  ): Promise<Awaited<ReturnType<typeof startSunlight>>> {
    const { s3: place } = options;
    if (place === undefined) {
      return await startSunlight({ ...IDENTITY, ...options, ...lock.options, authorities });
    }
    const served = await s3().serve(place.bucket, place.prefix);
    try {
      const at = { ...place, url: served.url };
      const sunlight = await startSunlight({
        ...IDENTITY,
        ...options,
        ...lock.options,
        s3: at,
        authorities,
      });
      const { end } = sunlight;
      const stop = async () => {
        await end();
        await served[Symbol.asyncDispose]();
      };
      return { ...sunlight, end: stop, [Symbol.asyncDispose]: stop };
    } catch (error) {
      await served[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Sunlight goes on from a copy: entries get the indices that follow, and its own client reads all of it. */
  async function expectTakenOver(place: Place, lock: Lock, known: Known, size: number): Promise<CtReport> {
    const next = `from ${size} on`;
    const taken = await startOn(place, lock, [FIRST, next]);
    try {
      const { indices } = await submitChains(taken, { authorities: next, count: APPENDED });
      expect([...indices].sort((a, b) => a - b)).toEqual(indices.map((_, n) => size + n));
    } finally {
      await taken.end();
    }
    const checkpoint = place.stored("checkpoint").toString();
    const [, grown, rootHash = ""] = checkpoint.split("\n");
    expect(Number(grown)).toBe(size + APPENDED);
    const { s3: at } = place.options;
    await using served = at && (await s3().serve(at.bucket, at.prefix));
    const read = await readWithSunlight({ url: served?.url ?? place.url, publicKey: known.publicKey });
    expect(read).toMatchObject({ entries: size + APPENDED, size: size + APPENDED, rootHash });
    expect(read.issuers).toBeGreaterThanOrEqual(2 * ISSUERS);
    return { size: Number(grown), rootHash, checkpoint };
  }

  function optionsOf(
    known: Known,
    from: Pick<Place, "url">,
    to: Place,
    lock: Pick<Lock, "targetOptions">,
    handOver: boolean,
  ): MigrationOptions {
    const policy = { verifiers: [staticCtVerifier(known.publicKey, known.origin)] };
    const overrides = { policy, access, handOver, targetOptions: lock.targetOptions, workers: 2, deep: true };
    return migrationOptions({ vkey: known.vkey, format: "static-ct" }, from.url, to.url, overrides);
  }

  const verify = (known: Known, { url }: Pick<Place, "url">, targetOptions?: OptionValues) => {
    const policy = { verifiers: [staticCtVerifier(known.publicKey, known.origin)] };
    return verifyLog({ log: url, policy, access, workers: 1, ...(targetOptions && { targetOptions }) });
  };

  /** Makes a log in a new directory. */
  async function newLog(size: number): Promise<{ place: Place; known: Known; checkpoint: string }> {
    const place = await newDirectory();
    await using old = await startSunlight({ ...IDENTITY, ...place.options, authorities: [FIRST] });
    await fillLog(old, size);
    const { checkpoint } = await old.freeze();
    return { place, known: old, checkpoint };
  }

  it("goes from a directory into buckets and back, as it is, and is taken over each time", async () => {
    const { place, known, checkpoint } = await newLog(700);
    const [first, second, third] = [
      await newBucket("2026h1/"),
      await newBucket(""),
      await newDirectory(),
    ] as const;
    const [database, locks, another] = [newDatabase(first), newLockBucket(), newLockBucket()];
    const refusal = /checkpoint missing from database but present in object storage/;

    const issuers = [...readLog(join(place.options.directory, "log")).keys()].filter(isIssuer);
    expect(issuers.length).toBe(ISSUERS);
    let [from, report]: [Place, { size: number; checkpoint: string }] = [place, { size: 700, checkpoint }];
    for (const [to, lock] of [
      [first, database],
      [second, locks],
      [third, another],
    ] as const) {
      const { size } = report;
      const copy = (handOver: boolean) => migrate(optionsOf(known, from, to, lock, handOver));
      expect(await copy(false)).toMatchObject({ outcome: "ready-for-handover", entries: size });
      await expect(startOn(to, lock, [FIRST])).rejects.toThrow(refusal);
      expect(await targetStatus({ target: to.url, access })).toMatchObject({
        state: "unfinished",
        phase: "copied",
      });
      expect(await copy(true)).toMatchObject({ outcome: "handed-over", size });
      expect(await abandon({ target: to.url, access, targetOptions: lock.targetOptions })).toMatchObject({
        outcome: "handover-taken-back",
      });
      await expect(startOn(to, lock, [FIRST])).rejects.toThrow(refusal);
      expect(await copy(true)).toMatchObject({ outcome: "handed-over", size, resumedEntries: size });

      expect(to.stored("checkpoint").toString()).toBe(report.checkpoint);
      for (const path of [...requiredPaths("static-ct", size), ...issuers]) {
        expect(to.stored(path).equals(from.stored(path)), path).toBe(true);
      }
      expect(await verify(known, to, lock.targetOptions)).toMatchObject({
        faults: 0,
        entries: size,
        lock: { size, state: "equal" },
      });
      expect(await copy(true)).toMatchObject({ outcome: "already-handed-over" });

      const grown = await expectTakenOver(to, lock, known, size);
      expect(await copy(true)).toMatchObject({ outcome: "taken-over" });
      expect(await verify(known, to, lock.targetOptions)).toMatchObject({
        faults: 0,
        lock: { size: grown.size, state: "equal" },
      });
      [from, report] = [to, grown];
    }
    await expectHeadersOfSunlight(first, issuers);
  });

  it("is refused by Sunlight where a copy was killed in its handover, which the next run finishes", async () => {
    const { place, known, checkpoint } = await newLog(300);
    const { logId = new Uint8Array(0) } = staticCtVerifier(known.publicKey, known.origin);
    const key = Buffer.from(logId).toString("hex");
    const noRow = /checkpoint missing from database but present in object storage/;
    const isClaim = /couldn't open checkpoint from object storage/;
    // Each object of the claim is stored once before.
    const moments: [contains: string, skip: number, isStored: boolean, refusal: RegExp | undefined][] = [
      ["/.state/tlog-migrate.json", 1, false, noRow],
      ["/.state/tlog-migrate.json", 1, true, noRow],
      [key, 0, false, noRow],
      [key, 0, true, isClaim],
      ["/checkpoint", 1, false, isClaim],
      ["/checkpoint", 1, true, undefined],
    ];
    for (const [contains, skip, isStored, refusal] of moments) {
      const [to, lock] = [await newBucket("log/"), newLockBucket()];
      const moment = isStored ? { after: true, hang: true } : { lost: true };
      s3().interfere({ method: "PUT", contains, skip, ...moment });
      const overrides = { targetOptions: lock.targetOptions, workers: 1 };
      const log = { vkey: known.vkey, format: "static-ct" } as const;
      const { child, result } = startMigration(log, place, to.url, { overrides });
      await expect.poll(() => s3().interferences()[0], { timeout: 60_000 }).toBeGreaterThan(0);
      child.kill("SIGKILL");
      expect(await result).toEqual({ kind: "killed" });
      s3().interfere();
      if (refusal !== undefined) await expect(startOn(to, lock, [FIRST])).rejects.toThrow(refusal);
      const report = await migrate(optionsOf(known, place, to, lock, true));
      expect(report.outcome).toBe(refusal === undefined ? "already-handed-over" : "handed-over");
      expect(readFileSync(join(s3().directoryOf(lock.bucket), key), "utf8")).toBe(checkpoint);
      expect(to.stored("checkpoint").toString()).toBe(checkpoint);
      if (contains === key) await expectTakenOver(to, lock, known, 300);
    }
  });

  /** What was copied has the headers of what Sunlight has added since. */
  async function expectHeadersOfSunlight({ options }: Place, issuers: readonly string[]): Promise<void> {
    const { bucket, prefix } = options.s3 ?? { bucket: "", prefix: "" };
    const names = filesBelow(join(s3().directoryOf(bucket), prefix));
    const added = names.filter(isIssuer).find((name) => !issuers.includes(name)) ?? "";
    for (const [copied, own] of [
      ["tile/0/000", "tile/0/003.p/232"],
      ["tile/data/000", "tile/data/003.p/232"],
      [issuers[0] ?? "", added],
    ] as const) {
      const [ours, theirs] = [await headersOf(copied), await headersOf(own)];
      expect(ours, copied).toEqual(theirs);
      expect(ours["cache-control"]).toBe("public, max-age=604800, immutable");
      expect(ours["content-encoding"]).toBe(copied.startsWith("tile/data/") ? "gzip" : null);
    }

    async function headersOf(path: string) {
      const { headers } = await s3().object(bucket, prefix + path);
      const kept = ["content-type", "content-encoding", "cache-control"];
      return Object.fromEntries(kept.map((name) => [name, headers.get(name)]));
    }
  }
});

function isIssuer(path: string): boolean {
  return path.startsWith("issuer/");
}
