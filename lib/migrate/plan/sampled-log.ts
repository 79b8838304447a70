/** What a plan learns of a source: its size is known from the checkpoint, and what is in it from samples. */

import { FULL_WIDTH, fullTileCount, issuerPath, partialTile } from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";
import { type Issuer, IssuerCache } from "../issuers/cache.ts";
import type { HashTree } from "../ports/source.ts";
import type { CopySession } from "../session.ts";
import { ExtraDataCheck } from "../unit/extra-data.ts";
import { type BundleSamples, type CheckExtraData, readSample, sampleBundles } from "./bundle-samples.ts";
import { bundleBytes, type Estimate, sum } from "./estimate.ts";

/** Bundles that are read of what must be there, and of what may be missing. */
const [MOST_KEPT, MOST_PRUNED] = [64, 8];

const TILE_BYTES = FULL_WIDTH * HASH_SIZE;

/** An issuer that sampled entries name and that is unavailable. */
export interface UnavailableIssuer {
  readonly path: string;
  readonly problem: string;
  readonly entry: number;
}

export interface SampledLog {
  /** Of all full bundles that are there. */
  readonly bundleBytes: Estimate;
  /** Full bundles that are missing, each with its level-0 tile; an estimate where only some were looked for. */
  readonly absentBundles: number;
  /** Of the bundle at the right edge. */
  readonly edgeBytes: number;
  /** How many bundles were read, and their bytes. */
  readonly read: { readonly bundles: number; readonly bytes: number };
  /** Bytes on the wire, for each byte once it is decoded. */
  readonly wireRatio: number;
  /** Of what must be there: as `BundleSamples` has them. */
  readonly pace: Pick<BundleSamples, "medianMs" | "processorMs">;
  /** Issuers that the sampled entries name. */
  readonly issuers: {
    readonly count: number;
    readonly bytes: number;
    readonly missing: readonly UnavailableIssuer[];
  };
}

/** Reads bundles of the whole tree. A source whose bundles take many requests each is asked for one. */
export async function sampleLog(session: CopySession, tree: HashTree): Promise<SampledLog> {
  const { context, progress } = session;
  const { size } = tree.head;
  const before = progress.total();
  const named = new Map<Issuer, number>();
  const check = extraDataCheck(session, named);
  const end = fullTileCount(size, 0);
  const kept = Math.min(end, Math.floor((context.minIndex ?? 0) / FULL_WIDTH));
  const most = (count: number) => (context.source.hasCostlyBundles === true ? 1 : count);
  const below = await sampleBundles(context, tree, [0, kept], most(MOST_PRUNED), check);
  const above = await sampleBundles(context, tree, [kept, end], most(MOST_KEPT), check);
  const edge = partialTile(size, 0);
  const edgeBytes = edge === undefined ? 0 : (await readSample(context, tree, edge, check)).length;
  const all = [...below.bytes, ...above.bytes, ...(edge ? [edgeBytes] : [])];
  const bytes = all.reduce((total, one) => total + one, 0);
  const after = progress.total();
  const counted = (name: "requests" | "bytesReceived") => after.get(name) - before.get(name);
  const tiles = Math.max(0, counted("requests") - all.length - named.size);
  const wireRatio = counted("bytesReceived") / Math.max(1, bytes + tiles * TILE_BYTES);
  return {
    bundleBytes: sum(bundleBytes(below), bundleBytes(above)),
    absentBundles: absentOf(below) + absentOf(above),
    edgeBytes,
    read: { bundles: all.length, bytes },
    wireRatio: wireRatio > 0 && wireRatio < 1 ? wireRatio : 1,
    pace: above.bytes.length > 0 ? above : below,
    issuers: {
      count: named.size,
      bytes: [...named.keys()].reduce((total, issuer) => total + issuer.bytes, 0),
      missing: [...named].flatMap(([{ fingerprint, problem }, entry]) =>
        problem === undefined ? [] : [{ path: issuerPath(fingerprint), problem, entry }],
      ),
    },
  };
}

/** Issuers are looked up as by a copy, and nothing is stored. */
function extraDataCheck(
  { context, options }: CopySession,
  named: Map<Issuer, number>,
): CheckExtraData | undefined {
  const { format, deep = false, allowMissingIssuers } = options;
  if (format !== "static-ct") return undefined;
  const issuers = new IssuerCache({ context, deep, takesDenied: allowMissingIssuers });
  const deepCounters = deep ? context.counters : undefined;
  const check = new ExtraDataCheck({ issuers, allowMissing: true, rereads: false, deepCounters });
  return (bytes, coordinate, isFresh) => check.check(bytes, coordinate, named, isFresh);
}

function absentOf({ of, bytes, absent }: BundleSamples): number {
  const read = bytes.length + absent;
  return read === 0 ? 0 : Math.round((of * absent) / read);
}
