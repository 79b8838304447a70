/** A bucket as MigrationTarget, laid out as Tessera's drivers for object stores do. */

import { TargetRefusedError } from "../../lib/errors.ts";
import type { Finding } from "../../lib/migrate/ports/executor.ts";
import { MAX_OBJECT_BYTES } from "../../lib/migrate/ports/source.ts";
import type {
  IntegratedTree,
  MigrationTarget,
  TargetContents,
  TargetRepairs,
  TreeState,
} from "../../lib/migrate/ports/target.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { bundleDirectory, CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { once } from "../shared/memoize.ts";
import { StateBinding } from "./binding.ts";
import type { Bucket } from "./bucket.ts";
import type { LogState, PrivateState, StoreReader } from "./log-state.ts";
import { ObjectTarget } from "./object-target.ts";
import { readDocument, writeDocument } from "./state-object.ts";

export interface BucketTargetOptions {
  /** Where the private state of the log is; undefined for a mirror, or where nobody said where. */
  readonly store?: LogState | undefined;
  /** Of all kinds of state stores that a bucket may name. */
  readonly storeReaders: readonly StoreReader[];
  /** Opens the same bucket such that encoded objects are refused. Default: the bucket does that itself. */
  readonly openStored?: (() => Promise<Bucket>) | undefined;
  /** Aborts waiting for an answer. */
  readonly signal?: AbortSignal | undefined;
}

/** Any bucket with any state store. */
export class BucketTarget extends ObjectTarget implements MigrationTarget {
  readonly location: string;
  readonly treeStateName: string;
  readonly markerName: string;
  readonly recordName: string;
  readonly externalState: StateBinding;
  protected readonly state: PrivateState;
  readonly #openStored: BucketTargetOptions["openStored"];
  readonly #prefixWarning: string | undefined;

  constructor(bucket: Bucket, { store, storeReaders, openStored, signal }: BucketTargetOptions) {
    super(bucket, signal);
    this.location = bucket.location;
    this.#openStored = openStored;
    const hasPrefix = new URL(bucket.location).pathname.length > 1;
    this.#prefixWarning = hasPrefix ? store?.prefixWarning : undefined;
    this.externalState = new StateBinding(this.bucket, store, storeReaders);
    this.state = this.externalState.state;
    this.treeStateName = this.state.treeStateName;
    this.markerName = this.state.markerName;
    this.recordName = this.state.recordName;
  }

  async inspect(): Promise<TargetContents> {
    const state = await this.externalState.inspect();
    // What is found later may be another copy's: the first is what this one goes by.
    if (state.kind === "claimed") this.marker ??= state.marker;
    if (state.kind !== "unclaimed") return state;
    if (await this.#hasCheckpoint()) return { kind: "occupied", found: "a checkpoint" };
    for await (const { path } of this.bucket.list("tile")) return { kind: "unclaimed-tiles", example: path };
    return { kind: "empty" };
  }

  override async warnings(isToAppend: boolean): Promise<string[]> {
    return isToAppend && this.#prefixWarning !== undefined ? [this.#prefixWarning] : [];
  }

  integratedTree(): Promise<IntegratedTree | undefined> {
    return this.state.integratedTree();
  }

  stateFaults(): Promise<Finding[]> {
    return this.state.stateFaults();
  }

  /** Claims the private state last: where there is a claim, there was a binding. */
  async claim(marker: string): Promise<void> {
    await this.bucket.requireConditionalWrites();
    await this.externalState.bind();
    await this.state.claim(marker);
    this.marker = marker;
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.externalState.requireBound();
    await this.state.replaceMarker(from, to);
    this.marker = to;
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    await this.#requireNoCheckpoint();
    await this.externalState.requireBound();
    await this.state.handOver(marker, state, record);
  }

  async takeBack(marker: string, state: TreeState, record?: string): Promise<void> {
    await this.#requireNoCheckpoint();
    await this.externalState.requireBound();
    await this.state.takeBack(marker, state, record);
  }

  /** In the opposite order of `claim`. */
  async unclaim(marker: string): Promise<void> {
    await this.externalState.requireBound();
    await this.state.unclaim(marker);
    await this.externalState.unbind();
  }

  /** A commit that was answered is durable; but the target may have become another since it was looked at. */
  async confirmHandOver(): Promise<void> {
    const { kind } = await this.externalState.inspect();
    if (kind === "handed-over") return;
    throw new TargetRefusedError({
      object: this.location,
      problem: "was handed over, but no longer is",
      found: kind,
      advice: "Find out who else writes here, then run the same command again",
    });
  }

  async publishCheckpoint(checkpoint: Uint8Array): Promise<boolean> {
    if (await this.bucket.put(CHECKPOINT_PATH, checkpoint)) return true;
    // A request whose answer got lost was repeated, and found its own object in its way.
    const found = await readDocument(this.bucket, CHECKPOINT_PATH);
    return found?.text === Buffer.from(checkpoint).toString("utf8");
  }

  async replaceCheckpoint(
    marker: string,
    before: Uint8Array | undefined,
    checkpoint: Uint8Array,
  ): Promise<void> {
    const textOf = (note: Uint8Array) => Buffer.from(note).toString("utf8");
    const text = textOf(checkpoint);
    const found = await readDocument(this.bucket, CHECKPOINT_PATH);
    await this.externalState.requireBound();
    await this.state.requireClaim(marker);
    if (found?.text === text) return;
    const isAsBefore = found?.text === (before && textOf(before));
    if (isAsBefore && (await writeDocument(this.bucket, CHECKPOINT_PATH, text, found))) return;
    throw new TargetRefusedError({
      object: this.locate(CHECKPOINT_PATH),
      problem: "is not what this mirror has published",
      advice: "Find out who else writes here, then run the same command again",
    });
  }

  /** No claim is needed: the very version that was looked at is replaced, or nothing. */
  async openRepairs(signal?: AbortSignal): Promise<TargetRepairs> {
    const writer = this.writer(signal, async () => {});
    // Asked with the first object that is replaced: a sound log is only read.
    const requireConditionalWrites = once(async () => {
      await this.#requirePlainBundles();
      await this.bucket.requireConditionalWrites();
    });
    return {
      read: (path, maxBytes) => writer.read(path, maxBytes),
      replace: async (path, bytes) => {
        await requireConditionalWrites();
        await writer.put(path, bytes);
      },
      close: () => writer.close(),
    };
  }

  /**
   * What a repair stores is not encoded, and Sunlight does not start on a data tile that is not gzip.
   * @throws TargetRefusedError if the first data tile is encoded.
   */
  async #requirePlainBundles(): Promise<void> {
    for await (const { path } of this.list(bundleDirectory("static-ct"))) {
      const opened = await this.#openStored?.();
      try {
        await (opened ?? this.bucket).get(path, MAX_OBJECT_BYTES);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        throw new TargetRefusedError({
          object: this.locate(path),
          problem:
            "is stored with a Content-Encoding, as Sunlight stores data tiles: a repair would store plain ones",
          advice: "Copy the object from another copy of this log with the tools of the object store",
        });
      } finally {
        await opened?.close();
      }
      return;
    }
  }

  override async close(): Promise<void> {
    await Promise.all([this.state.close(), super.close()]);
  }

  async #requireNoCheckpoint(): Promise<void> {
    if (!(await this.#hasCheckpoint())) return;
    throw new TargetRefusedError({
      object: this.locate(CHECKPOINT_PATH),
      problem: "appeared while the copy was unfinished",
      advice: "Find out who else writes here and move it away, then run the same command again",
    });
  }

  async #hasCheckpoint(): Promise<boolean> {
    return (await this.bucket.stat(CHECKPOINT_PATH)) !== undefined;
  }
}
