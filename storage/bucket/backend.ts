/** What all backends of buckets have in common: the log's private state is in a state store, or there is none. */

import { UsageError } from "../../lib/errors.ts";
import type { Backend, OptionValues, TargetRequest } from "../../lib/migrate/ports/backend.ts";
import { STATE_STORES } from "../state-stores.ts";
import type { Bucket } from "./bucket.ts";
import type { NamedStore } from "./state-store.ts";

const OPTIONS = STATE_STORES.flatMap(({ options }) => options);

/** What is different about each object store. */
export interface BucketKind extends Required<Pick<Backend, "form" | "example" | "openObjects">> {
  openBucket(url: URL, request: Omit<TargetRequest, "options" | "readOnly" | "signal">): Promise<Bucket>;
}

export function bucketBackend({ openBucket, ...kind }: BucketKind): Backend {
  return {
    ...kind,
    targetOptions: [
      ...OPTIONS,
      {
        flags: "--no-tree-state",
        description: "a log in a bucket that no log software will ever append to",
        commands: ["copy"],
      },
    ],
    async openTarget(url, { options, readOnly = false, signal, ...request }) {
      const named = readOnly ? namedStore(options) : requiredStore(options);
      const { openBucketTarget } = await import("./target.ts");
      const bucket = await openBucket(url, request);
      const store = await named?.open(bucket.location, signal);
      return openBucketTarget(bucket, {
        store,
        storeReaders: STATE_STORES.map(({ optionsIn }) => optionsIn),
        signal,
      });
    },
    describeTarget(options) {
      const store = requiredStore(options);
      return {
        state: store?.words ?? "",
        verifyOptions: store?.options ?? [],
        canBeTakenOver: store !== undefined,
      };
    },
  };
}

/** @throws UsageError if several are named. */
function namedStore(values: OptionValues): NamedStore | undefined {
  const [store, another] = STATE_STORES.flatMap((kind) => kind.named(values) ?? []);
  if (another === undefined) return store;
  throw new UsageError({
    object: `${another.options[0]}`,
    problem: `contradicts ${store?.options[0]}`,
    advice: "Name the one state store of the log",
  });
}

/** @throws UsageError unless a store is named, or none is wanted. */
function requiredStore(values: OptionValues): NamedStore | undefined {
  const store = namedStore(values);
  const isUnwanted = values.treeState === false;
  if ((store === undefined) === isUnwanted) return store;
  const flags = OPTIONS.map((option) => option.flags).filter((option) => !option.includes("prefix"));
  throw new UsageError({
    object: "--no-tree-state",
    problem: isUnwanted
      ? `contradicts ${store?.options[0]}`
      : "is not given, and neither is a state store: no log software could take this log over",
    advice: `Pass ${flags.join(" or ")}, or --no-tree-state for a mirror that nothing ever appends to`,
  });
}
