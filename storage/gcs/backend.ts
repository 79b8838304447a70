/** Logs in buckets of Cloud Storage, with their private state in Spanner, or without one as mirrors. */

import { UsageError } from "../../lib/errors.ts";
import type { Backend, OptionValues } from "../../lib/migrate/ports/backend.ts";
import type { SpannerPlace } from "../spanner/log-state.ts";

const EITHER =
  "Pass --spanner projects/…/instances/…/databases/…, or --no-tree-state for a mirror that nothing ever appends to";

/** @throws UsageError unless the options name a database, or say that there is none. */
function spannerOf({ spanner, spannerTablePrefix, treeState }: OptionValues): SpannerPlace | undefined {
  if (spannerTablePrefix !== undefined && spanner === undefined) {
    throw new UsageError({
      object: "--spanner-table-prefix",
      problem: "belongs to a database, and none is named",
      advice: "Pass --spanner too, or leave it out",
    });
  }
  if ((spanner === undefined) !== (treeState === false)) {
    throw new UsageError({
      object: "--spanner",
      problem:
        spanner === undefined
          ? "is missing, so no log software could take this log over: Tessera keeps the tree state of a log in Cloud Storage in Spanner"
          : "contradicts --no-tree-state",
      advice: EITHER,
    });
  }
  if (spanner === undefined) return undefined;
  return {
    database: String(spanner),
    ...(spannerTablePrefix !== undefined && { tablePrefix: String(spannerTablePrefix) }),
  };
}

export default {
  form: "gs://bucket/prefix",
  targetOptions: [
    {
      flags: "--spanner <database>",
      description: "where the tree state of a log in gs://… is: projects/P/instances/I/databases/D",
    },
    { flags: "--spanner-table-prefix <prefix>", description: "what the names of its tables begin with" },
    {
      flags: "--no-tree-state",
      description: "a log in gs://… that no log software will ever append to",
      commands: ["copy"],
    },
  ],
  example: "/srv/log gs://bucket/log --vkey … --spanner projects/p/instances/i/databases/d",
  async openObjects(url, { access, ...request }) {
    const [{ GcsSource }, { GcsAccess }, { parseGcsUrl }] = await Promise.all([
      import("./source.ts"),
      import("./credentials.ts"),
      import("./url.ts"),
    ]);
    const { userAgentVersion } = access;
    return new GcsSource(parseGcsUrl(url), new GcsAccess(), { userAgentVersion, ...request });
  },
  async openTarget(url, { options, readOnly = false, signal, ...request }) {
    const isUnnamed = readOnly && options.spanner === undefined;
    const place = spannerOf(isUnnamed ? { ...options, treeState: false } : options);
    const [{ openBucketTarget }, { GcsBucket }, { parseGcsUrl }, { SpannerLogState, spannerOptionsIn }] =
      await Promise.all([
        import("../bucket/target.ts"),
        import("./bucket.ts"),
        import("./url.ts"),
        import("../spanner/log-state.ts"),
      ]);
    const bucket = new GcsBucket(parseGcsUrl(url), request);
    const store = place && new SpannerLogState(place, bucket.location, signal);
    return openBucketTarget(bucket, { store, storeReaders: [spannerOptionsIn], signal });
  },
  describeTarget(options) {
    const place = spannerOf(options);
    if (place === undefined) return { state: "", verifyOptions: [], canBeTakenOver: false };
    const { database, tablePrefix } = place;
    return {
      state: ` and the Spanner database ${database}${tablePrefix === undefined ? "" : ` with the table prefix ${tablePrefix}`}`,
      verifyOptions: [
        "--spanner",
        database,
        ...(tablePrefix === undefined ? [] : ["--spanner-table-prefix", tablePrefix]),
      ],
      canBeTakenOver: true,
    };
  },
} satisfies Backend;
