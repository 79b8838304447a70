/** A table of copies of one log: what the suites that make one have in common. */

import type { BenchLog } from "../logs/logs.ts";
import { type LogShape, targetBytes } from "../logs/shapes.ts";
import { compare, type Entrant, type Setting, type Source } from "../run/compare.ts";
import { requireRoom } from "../run/places.ts";
import { makeTlsFiles } from "../servers/tls.ts";
import { type Bench, orNoRoom, serveLog, settingOf } from "../suites/suite.ts";
import type { CopyTable, MissingRow } from "./report.ts";

/** What is copied, and into what. */
export interface Copies {
  /** Of the table. */
  readonly id: string;
  readonly title: string;
  /** Of the log. */
  readonly shape: LogShape;
  /** Memory and the disk must have room for a copy. */
  readonly into: "memory" | "disk" | "cloud";
  /** Whether the log is served with TLS; not, unless told. */
  readonly secure?: boolean;
  /** The row whose speed is 1.00. */
  readonly reference: string;
  /** What a reader must know to judge the figures; asked for when they are there. */
  notes(): readonly string[];
}

/** What those who take part have in common. */
export interface CopyStand {
  readonly source: Source;
  readonly setting: Setting;
  /** Ended after the last run. */
  readonly servers: AsyncDisposableStack;
}

/** The table of all who take part; one that says so if there is no room. */
export async function copiesTable(
  bench: Bench,
  copies: Copies,
  lines: (stand: CopyStand) => Promise<readonly (Entrant | MissingRow)[]>,
): Promise<CopyTable> {
  const { id, title, into, secure = false, reference } = copies;
  return await orNoRoom({ id, title }, async () => {
    const log = await logWithRoom(bench, copies);
    const setting = settingOf(bench, title, into === "disk" ? bench.disk : bench.scratch);
    await using servers = new AsyncDisposableStack();
    const tls = secure ? makeTlsFiles(bench.scratch.directory) : undefined;
    const source = await serveLog(bench, log, servers, tls);
    const rows = await compare(setting, await lines({ source, setting, servers }));
    return { kind: "copies", id, title, notes: copies.notes(), reference, rows };
  });
}

/** @throws NoRoom */
async function logWithRoom(bench: Bench, { shape, into }: Copies): Promise<BenchLog> {
  const log = await bench.logs.get(shape, into === "memory" ? targetBytes(shape) : 0);
  if (into === "disk") requireRoom(bench.disk, targetBytes(shape), "--disk");
  return log;
}
