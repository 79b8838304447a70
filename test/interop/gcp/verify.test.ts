/** `verify` of logs in a bucket: before, at and after the handover, and while Tessera's Appender is at work there. */

import { join } from "node:path";
import { expect, it } from "vitest";
import { exitCodeOf } from "../../../cmd/exit.ts";
import { migrate, type VerificationReport, type VerifyOptions } from "../../../lib/index.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { type GcpBucket, urlOf } from "../../support/go/homes.ts";
import { SpannerTables } from "../../support/go/spanner-tables.ts";
import { fsck, makeLog, startLive, takeOver } from "../../support/go/tessera.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { FAST_RETRY, type KnownLog, migrationOptions } from "../../support/migration.ts";
import { logDirectory, memoryDirectory } from "../../support/places/directory.ts";
import { pathsOf, verify } from "../../support/verification.ts";

const emulators = useGcpEmulators();
const identity = { origin: "log.example/gcp", key: "the log's key" };
const log = testLog({ size: 1000, entrySize: 20 });

/** Of a listing by us, and by nobody else. */
const LISTING = { service: "storage", method: "GET", contains: "items(name,size)" } as const;
/** An Appender's first such commit is that of its start. */
const INTEGRATION = { service: "spanner", method: "Commit", contains: 'table:"IntCoord"', skip: 1 } as const;

/** Where a log has its tree state: what --spanner and --spanner-table-prefix say. */
const stateIn = (database: string, tablePrefix?: string) => ({
  spanner: database,
  spannerTablePrefix: tablePrefix,
});

/** A copy of the log in a bucket. */
async function copied(overrides: Parameters<typeof migrationOptions>[3] = {}): Promise<GcpBucket> {
  const home = await emulators().newHome("log");
  const targetOptions = stateIn(home.database);
  await migrate(migrationOptions(log, logDirectory(log), urlOf(home), { targetOptions, ...overrides }));
  return home;
}

function verifyBucket(
  home: GcpBucket,
  overrides: Partial<VerifyOptions> = {},
  known: KnownLog = log,
): Promise<VerificationReport> {
  return verify(known, urlOf(home), { retry: FAST_RETRY, ...overrides });
}

/** What a verification ends with that does not come to a report: its exit code and its line. */
async function endOf(verification: Promise<VerificationReport>): Promise<{ code: number; line: string }> {
  const error: unknown = await verification.then(
    () => expect.fail("it came to a report"),
    (reason) => reason,
  );
  if (!(error instanceof Error)) throw error;
  expect(error.message).not.toContain("\n");
  return { code: exitCodeOf(error), line: error.message };
}

describeWithGo("verify of a copy in a bucket", () => {
  it("holds it against its tree state before the Appender's first checkpoint, without a key", async () => {
    const home = await copied();
    const targetOptions = stateIn(home.database);
    const sound = await verifyBucket(home, { targetOptions, policy: undefined });
    expect(sound).toMatchObject({ authority: "treeState", size: 1000, entries: 1000, faults: 0 });

    await emulators().putObject(home.bucket, "log/tile/entries/001", "spoilt");
    await emulators().putObject(home.bucket, "log/tile/entries/200", "beyond");
    await emulators().deleteObject(home.bucket, "log/tile/0/002");
    const report = await verifyBucket(home, { targetOptions, policy: undefined });
    expect(pathsOf(report)).toEqual(["tile/0/002", "tile/entries/001", "tile/entries/200"]);
  });

  it("repairs it from another copy, and Tessera's fsck finds it sound once its Appender has gone on", async () => {
    const dir = join(memoryDirectory(), "source");
    const made = { ...(await makeLog({ dir, ...identity, size: 1000 })), format: "tiles" as const };
    const home = await emulators().newHome("log");
    const targetOptions = stateIn(home.database);
    await migrate(migrationOptions(made, dir, urlOf(home), { targetOptions }));
    await emulators().putObject(home.bucket, "log/tile/entries/001", "spoilt");
    await emulators().putObject(home.bucket, "log/tile/1/000.p/3", "spoilt");
    await emulators().deleteObject(home.bucket, "log/tile/0/002");
    const options = { targetOptions, policy: undefined, repairFrom: dir };
    const report = await verifyBucket(home, options, made);
    expect(report).toMatchObject({ faults: 0, repair: { repaired: 3 } });
    const taken = await takeOver({ ...home, ...identity, add: 300 });
    expect(taken).toMatchObject({ sizeBefore: 1000, size: 1300 });
    expect(await fsck({ ...home, vkey: taken.vkey })).toMatchObject({ ok: true, size: 1300 });
  });

  it("says which database it is to be given, if it is given none or another", async () => {
    const home = await emulators().newHome("log");
    const [right, other] = [stateIn(home.database, "my_"), stateIn(emulators().newDatabase())];
    const options = migrationOptions(log, logDirectory(log), urlOf(home), { targetOptions: right });
    await migrate({ ...options, handOver: false });
    const advice = `Pass --spanner ${home.database} --spanner-table-prefix my_`;
    for (const targetOptions of [undefined, other, stateIn(home.database)]) {
      const { code, line } = await endOf(verifyBucket(home, { targetOptions }));
      expect(line).toContain(advice);
      expect(code).toBe(2);
    }
    const unfinished = await endOf(verifyBucket(home, { targetOptions: right }));
    expect(unfinished).toEqual({ code: 2, line: expect.stringContaining("is an unfinished migration") });

    await migrate(options);
    expect(await verifyBucket(home, { targetOptions: right })).toMatchObject({ faults: 0, size: 1000 });
    expect((await endOf(verifyBucket(home))).line).toContain(advice);
  });

  it("says so where the database has no tree state of the log, and where there is no log", async () => {
    const home = await emulators().newHome();
    const known = await makeLog({ ...home, ...identity, size: 300 });
    const targetOptions = stateIn(emulators().newDatabase());
    const wrong = await endOf(verifyBucket(home, { targetOptions }, { ...known, format: "tiles" }));
    expect(wrong.line).toMatch(/has no tree state in the state store that was named.*Name the log's own/);
    expect(wrong.code).toBe(2);

    const nothing = await endOf(verifyBucket({ ...home, prefix: "nothing" }, { targetOptions }));
    expect(nothing).toEqual({ code: 2, line: expect.stringContaining("is not a log") });
  });

  it("holds a mirror against its checkpoint, and lets nothing stand beyond it", async () => {
    const home = await copied({ targetOptions: { treeState: false }, saveCheckpoint: true });
    const sound = await verifyBucket(home);
    expect(sound).toMatchObject({ authority: "checkpoint", entries: 1000, faults: 0 });
    expect(sound.notChecked).toEqual([]);

    const { code, line } = await endOf(verifyBucket(home, { targetOptions: stateIn(home.database) }));
    expect(line).toMatch(/is a mirror, which has no tree state.*Leave --spanner/);
    expect(code).toBe(2);

    await emulators().putObject(home.bucket, "log/tile/entries/200", "beyond");
    expect(pathsOf(await verifyBucket(home))).toEqual(["tile/entries/200"]);
  });

  it("calls a mirror unfinished that is", async () => {
    const home = await copied({ targetOptions: { treeState: false }, handOver: false });
    const { code, line } = await endOf(verifyBucket(home));
    expect(line).toContain("is an unfinished migration");
    expect(code).toBe(2);
  });

  it("looks at every page of the listing", async () => {
    await using _ = await limitedPages(3);
    const home = await copied();
    const targetOptions = stateIn(home.database);
    await emulators().interfere({ ...LISTING, delayMs: 1 });
    expect(await verifyBucket(home, { targetOptions })).toMatchObject({ faults: 0, size: 1000 });
    const [pages] = await emulators().interferences();
    await emulators().interfere();
    expect(pages).toBe(Math.ceil((log.objects.size - 1) / 3));

    // The last in the order of names, and one in the middle.
    await emulators().putObject(home.bucket, "log/tile/entries/999", "beyond");
    await emulators().deleteObject(home.bucket, "log/tile/0/001");
    expect(pathsOf(await verifyBucket(home, { targetOptions }))).toEqual(["tile/0/001", "tile/entries/999"]);
  });
});

describeWithGo("verify of the rows that an Appender starts from", () => {
  it("names each that it refuses, or would go wrong by, and verifies all else", async () => {
    const home = await copied();
    const targetOptions = stateIn(home.database);
    await using tables = new SpannerTables(home.database);
    const rootHash = Buffer.from(log.rootHash);
    for (const [table, wrong, right, problem] of [
      ["Tessera", { compatibilityVersion: 2 }, { compatibilityVersion: 1 }, /refused.*expected 1, found 2/],
      ["Tessera", { compatibilityVersion: 0 }, { compatibilityVersion: 1 }, /refused.*expected 1, found 0/],
      // What Tessera's own migration leaves.
      ["SeqCoord", { next: 0 }, { next: 1000 }, /indexes again.*expected next 1000 or more, found 0/],
      ["SeqCoord", { next: 999 }, { next: 1000 }, /indexes again.*found 999/],
      ["GCCoord", { fromSize: 1024 }, { fromSize: 768 }, /clean-up.*expected fromSize 0 to 1000, found 1024/],
      ["GCCoord", { fromSize: -256 }, { fromSize: 768 }, /clean-up.*found -256/],
      ["IntCoord", { seq: 1000, rootHash: rootHash.subarray(1) }, { rootHash }, /root.*32 bytes, found 31/],
      ["IntCoord", { seq: 1000, rootHash: Buffer.alloc(32) }, { rootHash }, /not the tree that was signed/],
      ["IntCoord", { seq: "9007199254740992" }, { seq: 1000 }, /not a count.*found 9007199254740992/],
      ["IntCoord", { seq: -1 }, { seq: 1000 }, /not a count.*found -1/],
    ] as const) {
      await emulators().putObject(home.bucket, "log/checkpoint", log.object("checkpoint").toString());
      await tables.update(table, wrong);
      const { findings, entries } = await verifyBucket(home, { targetOptions });
      const path = `the table ${table} of ${home.database}`;
      expect(findings).toContainEqual({ path, problem: expect.stringMatching(problem) });
      expect(entries).toBe(1000);
      await tables.update(table, right);
    }
    expect(await verifyBucket(home, { targetOptions })).toMatchObject({ faults: 0, entries: 1000 });
  });
});

describeWithGo("a copy into a bucket whose listing has many pages", () => {
  it("is handed over, and not if something beyond it is on the last of them", async () => {
    await using _ = await limitedPages(3);
    const home = await copied({ handOver: false });
    const options = migrationOptions(log, logDirectory(log), urlOf(home), {
      targetOptions: stateIn(home.database),
    });
    await emulators().putObject(home.bucket, "log/tile/entries/999", "beyond");
    await expect(migrate(options)).rejects.toThrow("tile/entries/999: is beyond size 1,000");
    await emulators().deleteObject(home.bucket, "log/tile/entries/999");
    expect(await migrate(options)).toMatchObject({ outcome: "handed-over" });
  });
});

describeWithGo("verify of a log in a bucket that Tessera's Appender writes", () => {
  it("finds nothing wrong, with its database and without", async () => {
    const { home, known, targetOptions } = await liveLog();
    await using live = await startLive({ ...home, ...identity, entriesPerSecond: 400 });
    for (const state of [targetOptions, undefined, targetOptions]) {
      const report = await verifyBucket(home, { targetOptions: state, settleMs: 60_000 }, known);
      expect(report.findings).toEqual([]);
      expect(report).toMatchObject({ authority: "checkpoint", faults: 0 });
    }
    await live.stop();
  });

  it("finds nothing wrong with what is integrated while it lists", async () => {
    const { home, known, targetOptions } = await liveLog();
    await emulators().interfere({ ...LISTING, hang: true });
    const verifying = verifyBucket(home, { targetOptions }, known);
    await expect.poll(() => emulators().interferences(), { timeout: 60_000 }).toEqual([1]);
    await takeOver({ ...home, ...identity, add: 700 });
    await emulators().interfere();
    const report = await verifying;
    expect(report).toMatchObject({ faults: 0, size: 300, entries: 300 });
    expect(report.notChecked.join()).toContain("Entries 300 to 999, which the log software has integrated");
  });

  it("waits for what is stored and not integrated yet, and without the database does not call it wrong", async () => {
    const { home, known, targetOptions } = await liveLog();
    const countListings = { ...LISTING, delayMs: 1 };
    await emulators().interfere({ ...INTEGRATION, hang: true }, countListings);
    const taking = takeOver({ ...home, ...identity, add: 700 });
    const hits = () => emulators().interferences();
    await expect.poll(hits, { timeout: 60_000 }).toEqual([expect.toSatisfy((n) => n > 0), 0]);

    const blind = await verifyBucket(home, {}, known);
    expect(blind).toMatchObject({ authority: "checkpoint", size: 300, faults: 0 });
    expect(blind.notChecked.join()).toMatch(/Objects beyond size 300, \d+ of them, such as tile\/0\/001/);

    const verifying = verifyBucket(home, { targetOptions, settleMs: 120_000 }, known);
    await expect.poll(async () => (await hits())[1], { timeout: 60_000 }).toBeGreaterThan(1);
    await emulators().interfere();
    expect(await verifying).toMatchObject({ size: 300, faults: 0 });
    await taking;
  });
});

/** A log that Tessera made in a bucket, with one partial tile, which grows into a full one. */
async function liveLog() {
  const home = await emulators().newHome();
  const made = await makeLog({ ...home, ...identity, size: 300 });
  return { home, known: { ...made, format: "tiles" as const }, targetOptions: stateIn(home.database) };
}

/** Lets listings have short pages until it is disposed of. */
async function limitedPages(objects: number): Promise<AsyncDisposable> {
  await emulators().limitPages(objects);
  return { [Symbol.asyncDispose]: () => emulators().limitPages(0) };
}
