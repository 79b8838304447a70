/** Copies into Google's cloud, emulated, that are killed, refused and made to wait; promises 2 to 4 hold all the same. */

import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import type { MigrationOptions } from "../../../lib/index.ts";
import { HAND_OVER as HANDOVER, spawnCli } from "../../support/cli.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import type { Interference } from "../../support/go/gcp-emulators.ts";
import { copyTo, opens } from "../../support/go/home-takeover.ts";
import { type GcpBucket, type Home, stateOf, urlOf } from "../../support/go/homes.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { failureOf } from "../../support/migration.ts";
import { startMigration } from "../../support/migration-process.ts";
import { logDirectory } from "../../support/places/directory.ts";

const emulators = useGcpEmulators();

/** A seal, a bundle beyond it, and a partial one at the edge. */
const log = testLog({ size: 65_536 + 256 + 7, entrySize: 20 });

const HAND_OVER = { service: "spanner", method: "Commit", contains: 'table:"IntCoord"' } as const;

const source = () => logDirectory(log);

const copy = (from: string, home: Home, overrides: Partial<MigrationOptions> = {}) =>
  copyTo(home, from, log, overrides);

/** Starts a copy, kills it when it has come to what is interfered with, and lets the next one go on. */
async function killedAt(moment: Interference, from: string, home: GcpBucket): Promise<void> {
  await emulators().interfere({ ...moment, hang: true });
  const overrides = { targetOptions: stateOf(home), workers: 2 };
  const { child, result } = startMigration(log, { url: from }, urlOf(home), { overrides });
  await expect.poll(() => emulators().interferences(), { timeout: 30_000 }).toEqual([1]);
  child.kill("SIGKILL");
  expect(await result).toEqual({ kind: "killed" });
  await emulators().interfere();
}

describeWithGo("a copy into a bucket that is killed", () => {
  it("while it copies goes on where it stopped", async () => {
    const [from, home] = [source(), await emulators().newHome("log")];
    const upload = { service: "storage", method: "POST", contains: "uploadType=multipart" } as const;
    await killedAt({ ...upload, skip: 300, times: 1 }, from, home);
    expect(await opens(home, log)).toBe(false);
    const report = await copy(from, home);
    expect(report.outcome).toBe("handed-over");
    expect(report.resumedEntries).toBeGreaterThan(0);
    expect(report.entries + report.resumedEntries).toBe(log.size);
    expect(await opens(home, log)).toBe(true);
  });

  it("between its last object and the handover hands over then", async () => {
    const [from, home] = [source(), await emulators().newHome()];
    await killedAt(HAND_OVER, from, home);
    expect(await opens(home, log)).toBe(false);
    expect(await copy(from, home)).toMatchObject({ outcome: "handed-over" });
    expect(await opens(home, log)).toBe(true);
  });

  it("before the answer to its handover finds it done", async () => {
    const [from, home] = [source(), await emulators().newHome()];
    await killedAt({ ...HAND_OVER, after: true }, from, home);
    expect(await copy(from, home)).toMatchObject({ outcome: "already-handed-over" });
    expect(await opens(home, log)).toBe(true);
  });

  it("between the bucket's claim and the database's starts over", async () => {
    const [from, home] = [source(), await emulators().newHome()];
    await killedAt({ service: "spanner", method: "Commit", contains: 'table:"TlogMigrate"' }, from, home);
    expect(await copy(from, home)).toMatchObject({ outcome: "handed-over", entries: log.size });
  });
});

describeWithGo("a copy into a cloud that gives no answer", () => {
  const moments: Record<string, Interference> = {
    "when it is first asked": { service: "storage" },
    "to what stands in the database": { service: "spanner" },
    "to the claim": { service: "spanner", method: "Commit" },
    "to an upload": { service: "storage", method: "POST", contains: "tile/entries/" },
    "to the listing": { service: "storage", method: "GET", contains: "prefix=log/tile/", skip: 1 },
    "to the handover": HAND_OVER,
  };

  it.each(Object.entries(moments))("%s is stopped by one signal", async (_name, moment) => {
    const [from, home] = [source(), await emulators().newHome("log")];
    await emulators().interfere({ ...moment, hang: true });
    const state = ["--spanner", home.database ?? ""];
    const running = spawnCli(
      ["copy", from, urlOf(home), "--vkey", log.vkey, ...HANDOVER, "--quiet", ...state],
      {
        env: home.env,
      },
    );
    await expect
      .poll(async () => (await emulators().interferences())[0], { timeout: 30_000 })
      .toBeGreaterThan(0);
    running.child.kill("SIGINT");
    const { code, stdout, stderr } = await running.result;
    await emulators().interfere();
    expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
    expect(stderr).toMatch(
      // How much is in place is said once the size is known.
      /^\S+Z WARN {2}stopping, another signal ends it at once[^\n]*\n(\S+Z WARN {2}[\d,]+ of [^\n]* in place\n)?$/,
    );
    expect(await copy(from, home)).toMatchObject({ outcome: "handed-over" });
  });
});

describeWithGo("a busy cloud", () => {
  it.each([408, 429, 500, 503])("that answers %i now and then is asked again", async (status) => {
    const [from, home] = [source(), await emulators().newHome()];
    const every = { service: "storage", status, times: 2 } as const;
    await emulators().interfere(
      { ...every, method: "POST", contains: "tile/entries/007" },
      { ...every, method: "POST", contains: "tile/1/000" },
      { ...every, method: "GET", contains: "tile/1/000" },
    );
    expect(await copy(from, home)).toMatchObject({ outcome: "handed-over" });
    expect((await emulators().interferences()).slice(0, 2)).toEqual([2, 2]);
    await emulators().interfere();
  });

  it("that stores an object and breaks off is found to have stored it", async () => {
    const [from, home] = [source(), await emulators().newHome()];
    const upload = { service: "storage", method: "POST", contains: "tile/entries/", times: 3 } as const;
    await emulators().interfere({ ...upload, status: 503, after: true });
    expect(await copy(from, home)).toMatchObject({ outcome: "handed-over", replacedObjects: 0 });
    expect(await emulators().interferences()).toEqual([3]);
    await emulators().interfere();
  });

  it.each(["ABORTED", "UNAVAILABLE"])("whose transactions end %s is asked again", async (code) => {
    const [from, home] = [source(), await emulators().newHome()];
    await emulators().interfere({ ...HAND_OVER, code, times: 2 });
    expect(await copy(from, home)).toMatchObject({ outcome: "handed-over" });
    await emulators().interfere();
    expect(await opens(home, log)).toBe(true);
  });

  it("that loses the answer to the handover does not lose the handover", async () => {
    const [from, home] = [source(), await emulators().newHome()];
    await emulators().interfere({ ...HAND_OVER, code: "UNAVAILABLE", after: true, times: 1 });
    const first = await copy(from, home).catch((error: unknown) => error);
    await emulators().interfere();
    if (first instanceof Error)
      expect(await copy(from, home)).toMatchObject({ outcome: "already-handed-over" });
    expect(await opens(home, log)).toBe(true);
  });
});

describeWithGo("what another tool left and a copy adopts", () => {
  it("is replaced where it is gzip-encoded, though it decodes to the right bytes", async () => {
    const [from, home] = [source(), await emulators().newHome()];
    const gzipped = [...log.objects].filter(([path]) => path.startsWith("tile/0/0"));
    for (const [path, bytes] of gzipped) {
      const body = gzipSync(bytes);
      await emulators().putObject(home.bucket, path, body, { contentEncoding: "gzip" });
    }
    const report = await copy(from, home, { adopt: true });
    expect(report).toMatchObject({ outcome: "handed-over", replacedObjects: gzipped.length });
    const stored = await emulators().objects(home.bucket, "tile/0/");
    for (const [path, { contentEncoding }] of stored) expect(contentEncoding, path).toBeUndefined();
    expect(await opens(home, log)).toBe(true);
  });

  it("is replaced without asking the database for every object", async () => {
    const [from, home] = [source(), await emulators().newHome()];
    const bundles = [...log.objects.keys()].filter((path) => path.startsWith("tile/entries/"));
    for (const path of bundles) await emulators().putObject(home.bucket, path, "?");
    const before = await emulators().callCounts();
    const report = await copy(from, home, { adopt: true });
    expect(report.replacedObjects).toBeGreaterThanOrEqual(bundles.length);
    const after = await emulators().callCounts();
    const calls = (name: string) => (after[`spanner ${name}`] ?? 0) - (before[`spanner ${name}`] ?? 0);
    expect(calls("ExecuteStreamingSql")).toBeLessThan(bundles.length / 10);
    expect(calls("StreamingRead")).toBeLessThan(bundles.length);
  });
});

describeWithGo("refused is", () => {
  it("a bucket with a checkpoint, and one with tiles that are not ours", async () => {
    const [from, live, half] = [source(), await emulators().newHome("log"), await emulators().newHome()];
    await emulators().putObject(live.bucket, "log/checkpoint", "a checkpoint");
    expect((await failureOf(copy(from, live))).message).toMatch(/somebody's log.*a checkpoint/);
    await emulators().putObject(half.bucket, "tile/0/000", "?");
    expect((await failureOf(copy(from, half))).message).toMatch(/tiles that tlog-migrate did not write/);
    const adopted = await copy(from, half, { adopt: true });
    expect(adopted).toMatchObject({ outcome: "handed-over", replacedObjects: 1 });
  });

  it("a database in which a log is at work", async () => {
    const [from, home] = [source(), await emulators().newHome()];
    await copy(from, home);
    await expect(opens(home, log)).resolves.toBe(true);
    const grown = { ...home, bucket: await emulators().newBucket() };
    expect((await failureOf(copy(from, grown))).message).toMatch(`belongs to gs://${home.bucket}/`);
  });

  it("a bucket that is being filled for another database", async () => {
    const [from, home] = [source(), await emulators().newHome()];
    await copy(from, home, { handOver: false });
    const other = { ...home, database: emulators().newDatabase() };
    expect((await failureOf(copy(from, other))).message).toMatch(/somebody's log.*database/);
    expect(await copy(from, home)).toMatchObject({ outcome: "handed-over" });
  });

  it("an object beyond the tree, before the handover", async () => {
    const [from, home] = [source(), await emulators().newHome()];
    await copy(from, home, { handOver: false });
    await emulators().putObject(home.bucket, "tile/entries/999", "?");
    expect((await failureOf(copy(from, home))).message).toMatch(/tile\/entries\/999: is beyond size/);
    expect(await opens(home, log)).toBe(false);
    await emulators().deleteObject(home.bucket, "tile/entries/999");
    expect(await copy(from, home)).toMatchObject({ outcome: "handed-over" });
  });
});
