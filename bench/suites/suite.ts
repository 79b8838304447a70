/** A part of the benchmark: one question, put to one machine. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LOCALHOST } from "../../test/support/http/test-certificates.ts";
import type { BenchLog, LogStore } from "../logs/logs.ts";
import { type LogShape, targetBytes } from "../logs/shapes.ts";
import type { Profile } from "../profile.ts";
import type { Goal } from "../report/goals.ts";
import type { CopyTable, MissingRow, Table } from "../report/report.ts";
import { compare, fastest, type Setting } from "../run/compare.ts";
import type { Contender, Entrant, Source } from "../run/contender.ts";
import { type Place, requireSpace } from "../run/places.ts";
import { startNginx } from "../servers/nginx.ts";
import { startNodeServer } from "../servers/node-server.ts";
import type { LogServerOptions, TlsFiles } from "../servers/own-process.ts";

export interface Suite {
  /** As in `--suite`. */
  readonly name: string;
  /** What it answers, in a sentence. */
  readonly about: string;
  run(bench: Bench): Promise<Table[]>;
  /** What its tables say about the project's goals. */
  goals(tables: readonly Table[]): Goal[];
}

/** What a suite works with. */
export interface Bench {
  readonly profile: Profile;
  readonly logs: LogStore;
  /** In memory, if the machine has a tmpfs. */
  readonly scratch: Place;
  readonly disk: Place;
  /** The compiled program that is measured. */
  readonly program: string;
  /** An earlier build that is measured in the same rounds. */
  readonly before: string | undefined;
  /** Reports progress. */
  say(line: string): void;
  /** Names and versions of the other programs that take part. */
  readonly versions: Set<string>;
}

/** What is copied, and into what. */
export interface Copies {
  /** Of the table. */
  readonly id: string;
  readonly title: string;
  /** Of the log. */
  readonly shape: LogShape;
  /** Memory and the disk must have space for a copy. */
  readonly into: "memory" | "disk" | "cloud";
  /** Whether the log is served with TLS; default false. */
  readonly secure?: boolean;
  /** The row whose speed is 1.00. */
  readonly reference: string;
  /** What a reader must know to judge the figures; asked for when they are measured. */
  notes?(): readonly string[];
}

/** What the contenders of a table have in common. */
export interface CopySetting {
  readonly source: Source;
  readonly setting: Setting;
  /** Ended after the last run. */
  readonly servers: AsyncDisposableStack;
}

/** The table of all who take part. @throws SkipError if there is too little space. */
export async function copiesTable(
  bench: Bench,
  copies: Copies,
  lines: (copySetting: CopySetting) => Promise<readonly (Entrant | MissingRow)[]>,
): Promise<CopyTable> {
  const { id, title, shape, into, secure = false, reference } = copies;
  const [log] = await bench.logs.get([shape], into === "memory" ? targetBytes(shape) : 0);
  if (into === "disk") requireSpace(bench.disk, targetBytes(shape), "--disk");
  const setting = settingOf(bench, title, into === "disk" ? bench.disk : bench.scratch);
  await using servers = new AsyncDisposableStack();
  const tls = secure ? writeTlsFiles(bench.scratch.directory) : undefined;
  const source = await serveLog(bench, log as BenchLog, servers, tls);
  const rows = await compare(setting, await lines({ source, setting, servers }));
  return { kind: "copies", id, title, notes: copies.notes?.() ?? [], reference, rows };
}

/** A comparison of as many rounds as the profile has. @param name of it, for the progress. */
export function settingOf({ profile: { rounds }, say }: Bench, name: string, into: Place): Setting {
  return { name, into, rounds, say };
}

/** Serves a log, by the server that costs this machine least, until the stack is disposed of. */
export async function serveLog(
  bench: Bench,
  log: BenchLog,
  servers: AsyncDisposableStack,
  tls?: TlsFiles,
): Promise<Source> {
  const options: LogServerOptions = { gzip: log.format === "static-ct", tls };
  const nginx = await startNginx(log.directory, options);
  const server = nginx ?? (await startNodeServer(log.directory, options));
  servers.defer(server.close);
  bench.versions.add(server.kind);
  const source = { log, url: server.url, servers: [server.pid] };
  return tls === undefined ? source : { ...source, caFile: tls.certFile };
}

/** A contender from a source with the best of these numbers of bundles in flight. */
export async function bestConcurrency(
  setting: Setting,
  source: Source,
  concurrencies: readonly number[],
  contender: (concurrency: number) => Contender,
): Promise<Entrant | MissingRow> {
  const entrants = concurrencies.map((concurrency): Entrant => {
    const one = contender(concurrency);
    return { ...one, label: `${one.label}, ${concurrency} bundles in flight`, source };
  });
  return await fastest(setting, entrants);
}

/** Writes the certificate of the tests, for localhost and 127.0.0.1, whose key is public. */
export function writeTlsFiles(directory: string): TlsFiles {
  const files = { certFile: join(directory, "cert.pem"), keyFile: join(directory, "key.pem") };
  writeFileSync(files.certFile, LOCALHOST.cert);
  writeFileSync(files.keyFile, LOCALHOST.key);
  return files;
}
