/** The common part of all bucket backends: the log's private state is in a state store, or there is none. */

import { UsageError } from "../../lib/errors.ts";
import type { Backend, OptionValues } from "../../lib/migrate/ports/backend.ts";
import { requirePackages } from "../shared/optional-packages.ts";
import { STATE_STORES } from "../state-stores.ts";
import type { Bucket } from "./bucket.ts";
import type { NamedStore } from "./log-state.ts";
import type { BucketOptions } from "./requests.ts";

const OPTIONS = STATE_STORES.flatMap(({ options }) => options);

export interface BucketKind extends Required<Pick<Backend, "form" | "example" | "openObjects">> {
  /** The option that names the state store of most log software with such buckets: named first. */
  readonly usualStore: string;
  /** The optional packages that a target needs. */
  readonly packages: readonly string[];
  openBucket(url: URL, request: BucketOptions): Promise<Bucket>;
}

export function bucketBackend({ openBucket, usualStore, packages, ...kind }: BucketKind): Backend {
  return {
    ...kind,
    targetOptions: [
      ...OPTIONS,
      {
        flags: "--no-tree-state",
        description: "a log in a bucket that no log software will ever append to",
        commands: ["copy", "plan", "follow", "worker", "cutover", "abandon"],
      },
    ],
    async openTarget(url, { options, readOnly = false, isMirror = false, signal, ...request }) {
      const named = namedStore(options, !(readOnly || isMirror), usualStore);
      requirePackages(url.href, [...new Set([...packages, ...(named?.packages ?? [])])]);
      const { BucketTarget } = await import("./target.ts");
      const bucket = await openBucket(url, { ...request, decodes: readOnly });
      const store = await named?.open(bucket.location, signal);
      const storeReaders = STATE_STORES.map(({ optionsIn }) => optionsIn);
      const openStored = () => openBucket(url, request);
      return new BucketTarget(bucket, { store, storeReaders, openStored, signal });
    },
    describeTarget(options) {
      const store = namedStore(options, true, usualStore);
      const { words: state = "", options: verifyOptions = [] } = store ?? {};
      return { state, verifyOptions, canBeTakenOver: store !== undefined };
    },
  };
}

/** @throws UsageError if several are named, or none is though one `isNeeded` and none was declined. */
function namedStore(values: OptionValues, isNeeded: boolean, usualStore: string): NamedStore | undefined {
  const [store, another] = STATE_STORES.flatMap((kind) => kind.named(values) ?? []);
  const contradiction = `contradicts ${store?.options[0]}`;
  if (another !== undefined) {
    const advice = "Name the one state store of the log";
    throw new UsageError({ object: `${another.options[0]}`, problem: contradiction, advice });
  }
  const isUnwanted = values.treeState === false;
  if (!isNeeded || (store === undefined) === isUnwanted) return store;
  const isUsual = (flag: string) => Number(flag.startsWith(`${usualStore} `));
  const flags = STATE_STORES.flatMap(({ options }) => options[0]?.flags ?? []).toSorted(
    (a, b) => isUsual(b) - isUsual(a),
  );
  throw new UsageError({
    object: "--no-tree-state",
    problem: isUnwanted
      ? contradiction
      : "is not given, and neither is a state store: no log software could take this log over",
    advice: `Pass ${flags.join(" or ")}, or --no-tree-state for a mirror that nothing ever appends to`,
  });
}
