/** What an upload to S3 takes of CPU time, over http and https. */

import { environmentOf, Versitygw } from "../../test/support/go/versitygw.ts";
import { uploadCost } from "../peers/upload-cost.ts";
import { medianTime } from "../report/figures.ts";
import { type Goal, goal } from "../report/goals.ts";
import type { Table, TimeTable } from "../report/report.ts";
import { measure } from "../run/measure.ts";
import { type Bench, writeTlsFiles } from "./suite.ts";

const SIZES = [
  { bytes: 256 * 1024, label: "256 KiB", mostMilliseconds: 0.35 },
  { bytes: 8 * 1024, label: "8 KiB", mostMilliseconds: 0.16 },
];
const SCHEMES = ["http", "https"] as const;

const NOTE =
  "The process's own CPU time, of which the loopback takes a part; the whole upload with its checksum, its signature and " +
  "the answer, 32 at once, into versitygw. Over http the bytes are signed too.";

/** A table for each size and scheme. */
export async function uploadTables(bench: Bench): Promise<TimeTable[]> {
  const { rounds, uploads } = bench.profile.uploadCost;
  const tables = SCHEMES.flatMap((scheme) => SIZES.map((size) => ({ scheme, ...size })));
  const measured = tables.map(({ scheme, label }, index) => ({
    kind: "times" as const,
    id: idOf(scheme, label),
    title: `CPU time of an upload of ${label} to S3 over ${scheme}`,
    notes: index === 0 ? [NOTE] : [],
    milliseconds: [] as number[],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, { scheme, bytes }] of tables.entries()) {
      measured[index]?.milliseconds.push(await uploadTime(bench, scheme, bytes, uploads));
    }
  }
  for (const { title, milliseconds } of measured) {
    bench.say(`${title}: ${milliseconds.map((time) => time.toFixed(3)).join(", ")} ms`);
  }
  return measured;
}

export function uploadGoals(tables: readonly Table[]): Goal[] {
  return SCHEMES.flatMap((scheme) =>
    SIZES.map(({ label, mostMilliseconds }) => {
      const text = `CPU time of an upload of ${label} to S3 over ${scheme}`;
      return goal(text, medianTime(tables, idOf(scheme, label)), { atMost: mostMilliseconds }, "ms");
    }),
  );
}

async function uploadTime(
  { program, scratch }: Bench,
  scheme: (typeof SCHEMES)[number],
  bytes: number,
  uploads: number,
): Promise<number> {
  const tls = scheme === "https" ? writeTlsFiles(scratch.directory) : undefined;
  await using store = await Versitygw.start({ listens: "port", ...(tls && { tls }) });
  const origin = `${scheme}://${store.address}`;
  const trusted = tls && { NODE_EXTRA_CA_CERTS: tls.certFile };
  const task = { program, bucket: store.newBucket(), bytes, uploads };
  const { stdout } = await measure(uploadCost(task, { ...environmentOf(origin, store.home), ...trusted }));
  return Number(stdout);
}

function idOf(scheme: string, label: string): string {
  return `upload-${label.replace(" ", "-")}-${scheme}`;
}
