/** The private state of a mirror, which no log software will ever append to: one object, a claim and later a record. */

import { TargetRefusedError } from "../../lib/errors.ts";
import type { TreeState } from "../../lib/migrate/ports/target.ts";
import type { Bucket, ObjectVersion } from "./bucket.ts";
import type { PrivateState, StateContents } from "./log-state.ts";
import { readDocument, readStateObject, STATE_OBJECT, writeDocument } from "./state-object.ts";

export class MirrorState implements PrivateState {
  readonly treeStateName = "the tree state, which a mirror does not have";
  readonly markerName: string;
  readonly recordName: string;
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
    this.markerName = bucket.locate(STATE_OBJECT);
    this.recordName = this.markerName;
  }

  async inspect(): Promise<StateContents> {
    const { kind, text } = (await readStateObject(this.#bucket, [])) ?? {};
    if (text === undefined) return { kind: "unclaimed" };
    if (kind === "marker") return { kind: "claimed", marker: text };
    if (kind === "record") return { kind: "handed-over", record: text };
    return { kind: "occupied", found: `${STATE_OBJECT}: ${text.slice(0, 200)}` };
  }

  async integratedTree(): Promise<undefined> {}

  async stateFaults(): Promise<[]> {
    return [];
  }

  async claim(marker: string): Promise<void> {
    await this.#write(marker);
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    const found = await readDocument(this.#bucket, STATE_OBJECT);
    if (found?.text !== from) throw this.#refusal(found?.text);
    await this.#write(to, found);
  }

  async requireClaim(marker: string | undefined): Promise<void> {
    const state = await this.inspect();
    if (state.kind === "claimed" && (marker === undefined || state.marker === marker)) return;
    throw this.#refusal(state.kind);
  }

  handOver(marker: string, _state: TreeState, record: string): Promise<void> {
    return this.replaceMarker(marker, record);
  }

  async takeBack(marker: string, _state: TreeState, record?: string): Promise<void> {
    if (record !== undefined) await this.replaceMarker(record, marker);
  }

  async unclaim(marker: string): Promise<void> {
    const found = await readDocument(this.#bucket, STATE_OBJECT);
    if (found?.text !== marker || !(await this.#bucket.remove(STATE_OBJECT, found))) {
      throw this.#refusal(found?.text);
    }
  }

  async close(): Promise<void> {}

  async #write(text: string, instead?: ObjectVersion): Promise<void> {
    if (await writeDocument(this.#bucket, STATE_OBJECT, text, instead)) return;
    throw this.#refusal((await readDocument(this.#bucket, STATE_OBJECT))?.text);
  }

  #refusal(found = "nothing"): TargetRefusedError {
    return new TargetRefusedError({
      object: this.#bucket.locate(STATE_OBJECT),
      problem: "is not this copy's claim any more",
      found: found.slice(0, 200),
      advice: "Another copy was at work here: find out which, then run the same command again",
    });
  }
}
