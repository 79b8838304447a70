/**
 * A bucket of Cloud Storage as MigrationTarget. Objects are laid out as Tessera's driver for Google Cloud does; the
 * private state is elsewhere, see gcs-coordination.ts.
 */

import { TargetRefusedError } from "../../lib/errors.ts";
import type {
  IntegratedTree,
  MigrationTarget,
  StoredObject,
  TargetContents,
  TargetWriter,
  TreeState,
} from "../../lib/migrate/ports/target.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { GcsLibrary } from "../gcs/library.ts";
import { type GcsEffort, GcsObjects } from "../gcs/objects.ts";
import { formatGcsName, type GcsPlace } from "../gcs/url.ts";
import { onceEvery } from "../shared/memoize.ts";
import { SpannerCoordination, type SpannerPlace } from "../spanner/log-state.ts";
import { GcsBinding } from "./binding.ts";
import { LogCoordination } from "./bound-state.ts";
import { takeGcsLock } from "./lock.ts";
import type { GcsCoordination } from "./log-state.ts";
import { MirrorCoordination } from "./mirror-state.ts";
import { GcsWriter } from "./writer.ts";

/**
 * How long a writer believes that the place is still claimed. Another copy may have handed it over in that time, and
 * log software may have started there. But what is replaced is the very object that was looked at, and only where its
 * bytes are not those that belong there; log software that goes on from the same tree stores the same bytes.
 */
const CLAIM_TRUSTED_MS = 3_000;

export class GcsTarget implements MigrationTarget {
  readonly location: string;
  readonly treeStateName: string;
  readonly #place: GcsPlace;
  readonly #effort: GcsEffort;
  readonly #library: GcsLibrary;
  readonly #coordination: GcsCoordination;
  /** Of the claim that this copy has seen or made. */
  #marker: string | undefined;

  /**
   * @param spanner where the private state goes; undefined for a mirror that nothing appends to.
   * @param signal ends the wait for an answer.
   */
  constructor(place: GcsPlace, effort: GcsEffort, spanner: SpannerPlace | undefined, signal?: AbortSignal) {
    this.location = formatGcsName(place);
    this.#place = place;
    this.#effort = effort;
    this.#library = new GcsLibrary(place, effort.patience, signal);
    this.#coordination =
      spanner === undefined
        ? new MirrorCoordination(place, this.#library)
        : new LogCoordination(
            new GcsBinding(place, this.#library, spanner),
            new SpannerCoordination(spanner, this.location, signal),
          );
    this.treeStateName = this.#coordination.treeStateName;
  }

  locate(path: string): string {
    return formatGcsName(this.#place, path);
  }

  async inspect(): Promise<TargetContents> {
    const state = await this.#coordination.inspect();
    // What is found later may be another copy's: the first is what this one goes by.
    if (state.kind === "claimed") this.#marker ??= state.marker;
    if (state.kind !== "unclaimed") return state;
    if (await this.#library.has(CHECKPOINT_PATH)) return { kind: "occupied", found: "a checkpoint" };
    const example = await this.#library.firstBelow("tile");
    return example === undefined ? { kind: "empty" } : { kind: "unclaimed-tiles", example };
  }

  integratedTree(): Promise<IntegratedTree | undefined> {
    return this.#coordination.integratedTree();
  }

  lock(): Promise<{ release(): Promise<void> }> {
    // A copy that is stopped still gives its lock back: not by what ends with it.
    const afterwards = new GcsLibrary(this.#place, this.#effort.patience);
    return takeGcsLock(this.#library, afterwards, this.location);
  }

  async claim(marker: string): Promise<void> {
    await this.#coordination.claim(marker);
    this.#marker = marker;
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.#coordination.replaceMarker(from, to);
    this.#marker = to;
  }

  /** A bucket is never full. */
  async requireRoom(): Promise<void> {}

  async warnings(): Promise<string[]> {
    return [];
  }

  openWriter(signal?: AbortSignal): TargetWriter {
    const requireOurs = onceEvery(CLAIM_TRUSTED_MS, () => this.#requireClaim());
    return new GcsWriter(this.#place, this.#effort, { signal, requireOurs });
  }

  list(directory: string): AsyncIterable<StoredObject> {
    return this.#library.list(directory);
  }

  async remove(path: string): Promise<void> {
    // Looked up before the claim is: what another copy stores after it has made this claim its own stays.
    const generation = await this.#library.generationOf(path);
    if (generation === undefined) return;
    await this.#requireClaim();
    if (await this.#library.remove(path, generation)) return;
    throw new TargetRefusedError({
      object: this.locate(path),
      problem: "was stored anew while this copy removed it",
      advice: "Another copy is at work here: wait for it to end, then run this command again",
    });
  }

  async handOver(marker: string, state: TreeState, record: string): Promise<void> {
    if (await this.#library.has(CHECKPOINT_PATH)) {
      throw new TargetRefusedError({
        object: this.locate(CHECKPOINT_PATH),
        problem: "appeared while the copy was unfinished",
        advice: "Find out who else writes here and move it away, then run the same command again",
      });
    }
    await this.#coordination.handOver(marker, state, record);
  }

  /** A commit that was answered is durable; but the place may have become another since it was looked at. */
  async confirmHandOver(): Promise<void> {
    const { kind } = await this.#coordination.inspect();
    if (kind === "handed-over") return;
    throw new TargetRefusedError({
      object: this.location,
      problem: "was handed over, and is not any more",
      found: kind,
      advice: "Find out who else writes here, then run the same command again",
    });
  }

  async publishCheckpoint(checkpoint: Uint8Array): Promise<boolean> {
    const objects = new GcsObjects(this.#place, this.#effort, { requireOurs: async () => {} });
    try {
      return await objects.create(CHECKPOINT_PATH, checkpoint);
    } finally {
      await objects.close();
    }
  }

  close(): Promise<void> {
    return this.#coordination.close();
  }

  #requireClaim(): Promise<void> {
    return this.#coordination.requireClaim(this.#marker);
  }
}
