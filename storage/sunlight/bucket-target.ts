/** A bucket as MigrationTarget, in the layout that Sunlight takes over. */

import { TargetRefusedError } from "../../lib/errors.ts";
import type {
  IntegratedTree,
  ListOptions,
  MigrationTarget,
  SignedLog,
  SigningLock,
  StoredObject,
  TargetContents,
  TreeState,
} from "../../lib/migrate/ports/target.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import type { Bucket } from "../bucket/bucket.ts";
import { ObjectTarget } from "../bucket/object-target.ts";
import { readDocument, writeDocument } from "../bucket/state-object.ts";
import { BucketWriter } from "../bucket/writer.ts";
import { claimText } from "../shared/claim-text.ts";
import { ENCODING_SLACK_BYTES } from "../shared/inflate.ts";
import { CLAIMED, HANDOVER_PATH } from "./handover-document.ts";
import { COMPRESSED } from "./layout.ts";
import { type NamedLock, type StateDocuments, SunlightState } from "./state.ts";
import { decoded, storedBytes } from "./stored-object.ts";

export interface SunlightBucketOptions {
  readonly lock: NamedLock;
  /** Whether the log is only looked at. */
  readonly readOnly: boolean;
  /** Aborts waiting for an answer. */
  readonly signal?: AbortSignal | undefined;
}

export class SunlightBucketTarget extends ObjectTarget implements MigrationTarget {
  readonly location: string;
  readonly treeStateName: string;
  readonly markerName: string;
  readonly recordName: string;
  readonly handsOverCheckpoint = true;
  protected readonly state: SunlightState;
  readonly #documents: StateDocuments;
  readonly #readOnly: boolean;

  /** @param bucket that stores objects with `sunlightHeaders`. */
  constructor(bucket: Bucket, { lock, readOnly, signal }: SunlightBucketOptions) {
    super(bucket, signal);
    this.location = `gzip+${bucket.location}`;
    this.#documents = documentsIn(this.bucket, this.location);
    this.#readOnly = readOnly;
    this.state = new SunlightState(this.#documents, lock);
    this.treeStateName = this.state.treeStateName;
    this.markerName = bucket.locate(CHECKPOINT_PATH);
    this.recordName = bucket.locate(HANDOVER_PATH);
  }

  requireLog(log: SignedLog): void {
    this.state.requireLog(log);
  }

  async inspect(): Promise<TargetContents> {
    const contents = await this.state.inspect();
    if (!this.#readOnly) await this.state.requireUsable(contents);
    // What is found later may be another copy's: the first is what this one goes by.
    if (contents.kind === "claimed") this.marker ??= contents.marker;
    if (contents.kind !== "unclaimed") return contents;
    for await (const { path } of this.bucket.list("tile")) return { kind: "unclaimed-tiles", example: path };
    return { kind: "empty" };
  }

  integratedTree(): Promise<IntegratedTree | undefined> {
    return this.state.integratedTree();
  }

  async stateFaults(): Promise<[]> {
    return [];
  }

  signingLock(log: Pick<SignedLog, "origin" | "logId">): Promise<SigningLock> {
    return this.state.signingLock(log);
  }

  /** The guard last: where it is, copies for other log software are kept out. */
  async claim(marker: string): Promise<void> {
    await this.bucket.requireConditionalWrites();
    await this.state.prepare();
    for (const [path, text] of [
      [HANDOVER_PATH, CLAIMED],
      [CHECKPOINT_PATH, claimText(marker)],
    ] as const) {
      if (!(await writeDocument(this.bucket, path, text)))
        throw changed(this.locate(path), "appeared while this copy started");
    }
    this.marker = marker;
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.#documents.replace(CHECKPOINT_PATH, claimText(from), claimText(to));
    this.marker = to;
  }

  override async *list(directory: string, options?: ListOptions): AsyncGenerator<StoredObject> {
    for await (const object of super.list(directory, options)) {
      yield COMPRESSED.test(object.path) ? { ...object, isCompressed: true } : object;
    }
  }

  async handOver(marker: string, state: TreeState, record: string, note?: Uint8Array): Promise<void> {
    await this.state.handOver(marker, state, record, note);
  }

  async takeBack(marker: string, state: TreeState, record?: string): Promise<void> {
    await this.state.takeBack(marker, state, record);
  }

  /** In the opposite order of `claim`. */
  async unclaim(marker: string): Promise<void> {
    await this.#documents.replace(CHECKPOINT_PATH, claimText(marker), undefined);
    await this.#documents.replace(HANDOVER_PATH, CLAIMED, undefined);
  }

  confirmHandOver(): Promise<void> {
    return this.state.confirmHandOver();
  }

  /** The handover has stored it. */
  async publishCheckpoint(): Promise<boolean> {
    return false;
  }

  override async close(): Promise<void> {
    await Promise.all([this.state.close(), super.close()]);
  }

  protected override writer(
    signal: AbortSignal | undefined,
    requireClaim: () => Promise<void>,
  ): SunlightBucketWriter {
    return new SunlightBucketWriter(this.bucket, this.bucket.openObjects(signal), requireClaim);
  }
}

/** Data tiles are gzip. */
class SunlightBucketWriter extends BucketWriter {
  readonly storesGzip = true;

  override async read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const slack = COMPRESSED.test(path) ? ENCODING_SLACK_BYTES : 0;
    return decoded(path, await super.read(path, maxBytes + slack), maxBytes);
  }

  protected override stored(path: string, bytes: Uint8Array, gzip?: Uint8Array): Uint8Array {
    return storedBytes(path, bytes, gzip);
  }
}

function documentsIn(bucket: Bucket, location: string): StateDocuments {
  return {
    location,
    initial: CLAIMED,
    locate: (path) => bucket.locate(path),
    read: async (path) => (await readDocument(bucket, path))?.text,
    async replace(path, instead, text) {
      const found = await readDocument(bucket, path);
      const isDone =
        found?.text === instead &&
        (text === undefined
          ? found === undefined || (await bucket.remove(path, found))
          : await writeDocument(bucket, path, text, found));
      if (!isDone) throw changed(bucket.locate(path), "was changed while this copy was at work");
    },
  };
}

function changed(object: string, problem: string): TargetRefusedError {
  const advice = "Find out who else writes here, then run the same command again";
  return new TargetRefusedError({ object, problem, advice });
}
