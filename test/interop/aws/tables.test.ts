/** What a copy makes of the tables of a log in MySQL, and what it refuses to find there. */

import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { TargetRefusedError } from "../../../lib/errors.ts";
import type { TestDatabase } from "../../support/go/mariadb.ts";
import { describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { LATER_MARKER, MARKER, RECORD, STATE as state } from "../../support/places/bucket-targets.ts";
import { openTarget } from "../../support/places/open.ts";

type Values = Readonly<Record<string, unknown>>;

/** What log software leaves, a trace each. */
const TRACES: Record<string, readonly [table: string, row: Values, said: RegExp]> = {
  "a sequence that has begun": ["SeqCoord", { next: 1 }, /next index, 1/],
  "a sequence beyond all counting": [
    "SeqCoord",
    { next: "18446744073709551615" },
    /next index, 18446744073709551615/,
  ],
  "a tree": ["IntCoord", { seq: 7, rootHash: Buffer.alloc(32, 1) }, /tree state, size 7/],
  "a published checkpoint": ["PubCoord", { publishedAt: 1_764_000_000, size: 0 }, /last checkpoint/],
  "entries in wait": ["Seq", { seq: 0, v: Buffer.from("an entry") }, /accepted and not integrated/],
};

/** What log software leaves that was refused. */
const ZEROES: readonly (readonly [table: string, row: Values])[] = [
  ["SeqCoord", { next: 0 }],
  ["IntCoord", { seq: 0, rootHash: createHash("sha256").digest() }],
  ["PubCoord", { publishedAt: 0, size: 0 }],
  ["GCCoord", { fromSize: 0 }],
];

describeWithMariaDb("the tables of a MySQL database", () => {
  const aws = useAws();

  const open = (bucket: string, { address }: TestDatabase) =>
    openTarget(`s3://${bucket}/log`, { mysql: address, mysqlTls: false });

  const put = ({ name }: TestDatabase, table: string, row: Values) =>
    aws().sql.query(
      name,
      `REPLACE INTO ${table} (id, ${Object.keys(row).join(", ")}) VALUES (0, ${Object.keys(row).map(() => "?")})`,
      Object.values(row),
    );

  const rowsOf = async ({ name }: TestDatabase, table: string) => {
    const rows = await aws().sql.query(name, `SELECT * FROM ${table}`);
    return rows.map(({ id: _, ...row }) =>
      Object.fromEntries(
        Object.entries(row).map(([column, value]) => [
          column,
          Buffer.isBuffer(value) && column !== "rootHash" ? value.toString() : value,
        ]),
      ),
    );
  };

  /** A target whose tables exist and are nobody's. */
  async function prepared() {
    const { bucket, sql } = await aws().newHome();
    const target = await open(bucket, sql);
    await target.claim(MARKER);
    for (const table of ["Tessera", "TlogMigrate"]) await aws().sql.query(sql.name, `DELETE FROM ${table}`);
    return { bucket, sql, target: await open(bucket, sql) };
  }

  /** A target that is claimed. */
  async function claimed() {
    const { bucket, sql } = await aws().newHome();
    const target = await open(bucket, sql);
    await target.claim(MARKER);
    return { bucket, sql, target };
  }

  describe.each(Object.entries(TRACES))("with %s", (_name, [table, row, said]) => {
    it("are not claimed", async () => {
      const { sql, target } = await prepared();
      for (const zeroes of ZEROES) await put(sql, ...zeroes);
      expect(await target.inspect()).toEqual({ kind: "empty" });
      await put(sql, table, row);
      expect(await target.inspect()).toMatchObject({ kind: "occupied", found: expect.stringMatching(said) });
      await expect(target.claim(MARKER)).rejects.toThrow(said);
      expect(await rowsOf(sql, "Tessera")).toEqual([]);
    });

    it("are not handed over", async () => {
      const { target, sql } = await claimed();
      for (const zeroes of ZEROES) await put(sql, ...zeroes);
      await target.replaceMarker(MARKER, LATER_MARKER);
      await put(sql, table, row);
      expect(await target.inspect()).toMatchObject({ kind: "occupied", found: expect.stringMatching(said) });
      await expect(target.replaceMarker(LATER_MARKER, MARKER)).rejects.toThrow(said);
      await expect(target.handOver(LATER_MARKER, state, RECORD)).rejects.toBeInstanceOf(TargetRefusedError);
      expect(await rowsOf(sql, "Tessera")).toEqual([{ compatibilityVersion: 0 }]);
      expect(await rowsOf(sql, "TlogMigrate")).toMatchObject([{ marker: LATER_MARKER, record: null }]);
    });
  });

  it.each<[string, string, Values]>([
    ["a next index", "SeqCoord", { next: 301 }],
    ["another tree", "IntCoord", { seq: 301, rootHash: Buffer.alloc(32, 1) }],
    ["a published checkpoint", "PubCoord", { publishedAt: 1_764_000_000, size: 300 }],
    ["a clean-up", "GCCoord", { fromSize: 300 }],
    ["an entry in wait", "Seq", { seq: 300, v: Buffer.from("an entry") }],
  ])("that have %s are not taken back", async (_name, table, row) => {
    const { target, sql } = await claimed();
    await target.handOver(MARKER, state, RECORD);
    await put(sql, table, row);
    await expect(target.takeBack(MARKER, state, RECORD)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(await rowsOf(sql, "Tessera")).toEqual([{ compatibilityVersion: 1 }]);
  });

  it("say after the handover where log software goes on, and nothing once it is taken back", async () => {
    const { target, bucket, sql } = await claimed();
    await target.handOver(MARKER, state, RECORD);
    // The answer to the first may have been lost.
    await target.handOver(MARKER, state, RECORD);
    expect(await rowsOf(sql, "Tessera")).toEqual([{ compatibilityVersion: 1 }]);
    expect(await rowsOf(sql, "SeqCoord")).toEqual([{ next: 300 }]);
    expect(await rowsOf(sql, "IntCoord")).toEqual([{ seq: 300, rootHash: Buffer.from(state.rootHash) }]);
    expect(await rowsOf(sql, "GCCoord")).toEqual([{ fromSize: 256 }]);
    expect(await rowsOf(sql, "PubCoord")).toEqual([{ publishedAt: 0, size: null }]);
    const place = `s3://${bucket}/log/`;
    expect(await rowsOf(sql, "TlogMigrate")).toEqual([{ marker: null, record: RECORD, place }]);
    await target.takeBack(MARKER, state, RECORD);
    expect(await rowsOf(sql, "Tessera")).toEqual([{ compatibilityVersion: 0 }]);
    for (const [table] of ZEROES) expect(await rowsOf(sql, table), table).toEqual([]);
    await target.unclaim(MARKER);
    expect(await rowsOf(sql, "Tessera")).toEqual([]);
    expect(await target.inspect()).toEqual({ kind: "empty" });
  });

  it("are claimed by one of many that try at once", async () => {
    const { sql, bucket } = await aws().newHome();
    const targets = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        openTarget(`s3://${bucket}/${n}`, { mysql: sql.address, mysqlTls: false }),
      ),
    );
    const claims = await Promise.allSettled(targets.map((target) => target.claim(MARKER)));
    const refused = claims.flatMap((claim) => (claim.status === "rejected" ? [claim.reason] : []));
    expect(refused).toHaveLength(7);
    for (const reason of refused) expect(reason, String(reason)).toBeInstanceOf(TargetRefusedError);
    const kinds = await Promise.all(targets.map(async (target) => (await target.inspect()).kind));
    expect(kinds.filter((kind) => kind === "claimed")).toHaveLength(1);
  });

  it("keep a marker that their character set lacks letters for", async () => {
    const { sql, bucket } = await aws().newHome();
    await aws().sql.query(sql.name, `ALTER DATABASE \`${sql.name}\` CHARACTER SET latin1`);
    const marker = MARKER.replace("}", ',"origin":"журнал.example/Ω 🌲"}');
    await (await open(bucket, sql)).claim(marker);
    expect(await (await open(bucket, sql)).inspect()).toEqual({ kind: "claimed", marker });
  });

  it("of another schema, or without transactions, are refused", async () => {
    for (const [definition, said] of [
      [
        "(id INT, version INT)",
        /the table Tessera: has a different schema than Tessera's: it has no column compat/,
      ],
      [
        "(id INT UNSIGNED NOT NULL, compatibilityVersion BIGINT UNSIGNED NOT NULL) ENGINE=MyISAM",
        /InnoDB.*MyISAM/,
      ],
    ] as const) {
      const { sql, bucket } = await aws().newHome();
      await aws().sql.query(sql.name, `CREATE TABLE Tessera ${definition}`);
      const target = await open(bucket, sql);
      await expect(target.inspect()).rejects.toBeInstanceOf(TargetRefusedError);
      await expect(target.inspect()).rejects.toThrow(said);
      await expect(target.claim(MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
    }
  });

  it("whose names differ in case alone are others", async () => {
    const { sql, bucket } = await aws().newHome();
    await aws().sql.query(sql.name, "CREATE TABLE seqcoord (other INT)");
    const target = await open(bucket, sql);
    await target.claim(MARKER);
    expect(await target.inspect()).toEqual({ kind: "claimed", marker: MARKER });
  });
});
