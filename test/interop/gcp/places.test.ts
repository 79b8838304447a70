/** A bucket and a database that go together name each other; a database is believed for that place alone. */

import { expect, it } from "vitest";
import { TargetRefusedError } from "../../../lib/errors.ts";
import { migrate } from "../../../lib/index.ts";
import type { MigrationTarget } from "../../../lib/migrate/ports/target.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { SpannerTables } from "../../support/go/spanner-tables.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { failureOf, migrationOptions } from "../../support/migration.ts";
import {
  LATER_MARKER,
  MARKER,
  openGcsTarget as open,
  RECORD,
  STATE as state,
} from "../../support/places/bucket-targets.ts";
import { logDirectory } from "../../support/places/directory.ts";

const emulators = useGcpEmulators();
const log = testLog({ size: 300, entrySize: 20 });

const BINDING = ".state/tlog-migrate.json";
async function foundAt(target: MigrationTarget): Promise<string> {
  const contents = await target.inspect();
  if (contents.kind !== "occupied") throw new Error(`is ${contents.kind}`);
  return contents.found;
}

/** Expects that nothing at all can be done there. */
async function expectRefused(target: MigrationTarget): Promise<void> {
  for (const work of [
    () => target.claim(MARKER),
    () => target.replaceMarker(MARKER, LATER_MARKER),
    () => target.handOver(MARKER, state, RECORD),
    () => target.confirmHandOver(),
  ]) {
    await expect(work(), String(work)).rejects.toBeInstanceOf(TargetRefusedError);
  }
}

describeWithGo("a damaged marker", () => {
  it.each([true, false])(
    "is removed as its message says, and all that is right is kept: with a database %s",
    async (has) => {
      const { bucket, database } = await emulators().newHome();
      const targetOptions = has ? { spanner: database } : { treeState: false };
      const copy = (overrides: Parameters<typeof migrationOptions>[3]) =>
        migrate(
          migrationOptions(log, logDirectory(log), `gs://${bucket}/log`, { targetOptions, ...overrides }),
        );
      await copy({ handOver: false });
      await using tables = new SpannerTables(database);
      const marker = '{"tlog-migrate-marker":2}';
      if (has) await tables.update("TlogMigrate", { marker });
      else await emulators().putObject(bucket, `log/${BINDING}`, marker);
      const { message } = await failureOf(copy({}));
      const [, names = ""] =
        /Remove (.*) while no log software .* the same copy with --adopt/.exec(message) ?? [];
      if (has) {
        expect(names).toBe(`the rows of the tables Tessera and TlogMigrate of ${database}`);
        await tables.remove("Tessera", "TlogMigrate");
      } else {
        expect(names).toBe(`gs://${bucket}/log/${BINDING}`);
        await emulators().deleteObject(bucket, `log/${BINDING}`);
      }
      const report = await copy({ adopt: true });
      expect(report).toMatchObject({ outcome: "handed-over", entries: 0, resumedEntries: log.size });
    },
  );
});

describeWithGo("a database that belongs to a place", () => {
  it("is not believed for another bucket, nor another prefix, by a copy of the same log", async () => {
    const [from, { bucket, database }] = [logDirectory(log), await emulators().newHome()];
    const another = await emulators().newBucket();
    const copyTo = (url: string, handOver = true) =>
      migrate(migrationOptions(log, from, url, { handOver, targetOptions: { spanner: database } }));
    expect(await copyTo(`gs://${bucket}/log`, false)).toMatchObject({ outcome: "ready-for-handover" });
    for (const url of [`gs://${another}/log`, `gs://${bucket}/lag`, `gs://${bucket}`]) {
      expect((await failureOf(copyTo(url))).message).toMatch(`belongs to gs://${bucket}/log/`);
    }
    expect(await copyTo(`gs://${bucket}/log`)).toMatchObject({ outcome: "handed-over" });
    for (const url of [`gs://${another}/log`, `gs://${bucket}/lag`]) {
      expect((await failureOf(copyTo(url))).message).toMatch(`belongs to gs://${bucket}/log/`);
    }
    expect((await emulators().objects(another)).size).toBe(0);
  });

  it.each(["claimed", "handed-over"])("and is %s cannot be used from another", async (kind) => {
    const { bucket, database } = await emulators().newHome();
    const target = await open(`gs://${bucket}/kill`, { database });
    const other = await open(`gs://${bucket}/kilk`, { database });
    expect(await other.inspect()).toEqual({ kind: "empty" });
    await target.claim(MARKER);
    if (kind === "handed-over") await target.handOver(MARKER, state, RECORD);
    await expectRefused(other);
    // Not even with a binding, which such a claim has left there.
    expect((await emulators().objects(bucket, "kilk/")).size).toBe(1);
    await expectRefused(other);
    expect(await foundAt(other)).toBe(`the database ${database} belongs to gs://${bucket}/kill/`);
    expect(await other.integratedTree()).toBeUndefined();
    await emulators().putObject(bucket, "kilk/tile/1/000", "?");
    await expect(other.remove("tile/1/000")).rejects.toBeInstanceOf(TargetRefusedError);
    expect(await target.inspect()).toMatchObject({ kind });
  });

  it("is claimed by one of two copies that start at once", async () => {
    const { bucket, database } = await emulators().newHome();
    const targets = await Promise.all(
      ["one", "two"].map((prefix) => open(`gs://${bucket}/${prefix}`, { database })),
    );
    for (const target of targets) expect(await target.inspect()).toEqual({ kind: "empty" });
    const claims = await Promise.allSettled(targets.map((target) => target.claim(MARKER)));
    expect(claims.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const kinds = await Promise.all(targets.map(async (target) => (await target.inspect()).kind));
    expect(kinds.sort()).toEqual(["claimed", "occupied"]);
  });
});

describeWithGo("a bucket that belongs to a database", () => {
  it("is not filled for another, for other tables, or for none, and says which it belongs to", async () => {
    const { bucket, database } = await emulators().newHome();
    const url = `gs://${bucket}/log`;
    await (await open(url, { database, tablePrefix: "a_" })).claim(MARKER);
    const others = [{ database: emulators().newDatabase(), tablePrefix: "a_" }, { database }, undefined];
    for (const other of others) {
      const target = await open(url, other);
      await expectRefused(target);
      expect(await foundAt(target)).toContain(database);
    }
    expect(await foundAt(await open(url, { database }))).toMatch(
      /goes with --spanner \S+ --spanner-table-prefix a_; it may be deleted if no copy/,
    );
  });
});

describeWithGo("a binding that is gone", () => {
  it.each(["claimed", "handed-over"])("from a place that is %s is told with how to mend it", async (kind) => {
    const { bucket, database } = await emulators().newHome();
    const target = await open(`gs://${bucket}/log`, { database });
    await target.claim(MARKER);
    if (kind === "handed-over") await target.handOver(MARKER, state, RECORD);
    await emulators().deleteObject(bucket, `log/${BINDING}`);
    const found = await foundAt(target);
    expect(found).toMatch(
      /belongs to this target, but \.state\/tlog-migrate\.json, which said so too, is gone/,
    );
    await expect(target.replaceMarker(MARKER, LATER_MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
    await expect(target.handOver(MARKER, state, RECORD)).rejects.toBeInstanceOf(TargetRefusedError);
    await expect(target.confirmHandOver()).rejects.toBeInstanceOf(TargetRefusedError);
    await emulators().putObject(bucket, `log/${BINDING}`, found.slice(found.indexOf("{")));
    expect(await target.inspect()).toMatchObject({ kind });
  });
});

describeWithGo("a claim of a version that did not name the place", () => {
  it("is gone on with where the bucket is bound, and refused where it is not", async () => {
    const { bucket, database } = await emulators().newHome();
    const target = await open(`gs://${bucket}/log`, { database });
    await target.claim(MARKER);
    const made = emulators().newDatabase();
    await using tables = new SpannerTables(made);
    await using now = new SpannerTables(database);
    const schema = await now.schema();
    await tables.make(...schema.map((statement) => statement.replace(/,\s*place STRING\(MAX\)/, "")));
    await tables.put("Tessera", { compatibilityVersion: 0 });
    await tables.put("TlogMigrate", { marker: MARKER });
    const older = await open(`gs://${bucket}/older`, { database: made });
    expect(await foundAt(older)).toBe(
      `the database ${made} belongs to another target: there is no ${BINDING} here that names it`,
    );
    const note = "The log in this bucket is, or is to be, written by log software that uses this database.";
    const binding = JSON.stringify({ "tlog-migrate-database": made, tablePrefix: "", note });
    await emulators().putObject(bucket, `older/${BINDING}`, `${binding}\n`);
    expect(await older.inspect()).toEqual({ kind: "claimed", marker: MARKER });
    await older.replaceMarker(MARKER, LATER_MARKER);
    expect(await tables.row("TlogMigrate", "place")).toEqual({ place: `gs://${bucket}/older/` });
    await older.handOver(LATER_MARKER, state, RECORD);
    expect(await older.inspect()).toEqual({ kind: "handed-over", record: RECORD });
  });
});
