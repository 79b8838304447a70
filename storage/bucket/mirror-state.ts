/**
 * The coordination of a mirror in a bucket, which no log software will ever append to: its claim, and later its
 * record, are one object, changed only from what it was.
 */

import { TargetRefusedError } from "../../lib/errors.ts";
import type { GcsDocument, GcsLibrary } from "../gcs/library.ts";
import { formatGcsName, type GcsPlace } from "../gcs/url.ts";
import type { Coordinated, GcsCoordination } from "./log-state.ts";

/** Where a bucket says whose it is. */
export const CLAIM_OBJECT = ".state/tlog-migrate.json";

export class MirrorCoordination implements GcsCoordination {
  readonly treeStateName = "the tree state, which a mirror does not have";
  readonly #place: GcsPlace;
  readonly #library: GcsLibrary;

  constructor(place: GcsPlace, library: GcsLibrary) {
    this.#place = place;
    this.#library = library;
  }

  async inspect(): Promise<Coordinated> {
    const document = await this.#library.read(CLAIM_OBJECT);
    if (document === undefined) return { kind: "unclaimed" };
    const { text } = document;
    if (text.startsWith(MARKER)) return { kind: "claimed", marker: text };
    if (text.startsWith(RECORD)) return { kind: "handed-over", record: text };
    return { kind: "occupied", found: `${CLAIM_OBJECT}: ${text.slice(0, 200)}` };
  }

  async integratedTree(): Promise<undefined> {}

  async claim(marker: string): Promise<void> {
    await this.#write(marker, undefined);
  }

  async replaceMarker(from: string, to: string): Promise<void> {
    await this.#write(to, await this.#requireMarker(from));
  }

  async requireClaim(marker: string | undefined): Promise<void> {
    const state = await this.inspect();
    if (state.kind === "claimed" && (marker === undefined || state.marker === marker)) return;
    throw this.#refusal(state.kind);
  }

  async handOver(marker: string, _state: unknown, record: string): Promise<void> {
    await this.#write(record, await this.#requireMarker(marker));
  }

  async close(): Promise<void> {}

  async #requireMarker(marker: string): Promise<GcsDocument> {
    const found = await this.#library.read(CLAIM_OBJECT);
    if (found?.text !== marker) throw this.#refusal(found?.text ?? "nothing");
    return found;
  }

  async #write(text: string, instead: GcsDocument | undefined): Promise<void> {
    if (await this.#library.write(CLAIM_OBJECT, text, instead)) return;
    throw this.#refusal((await this.#library.read(CLAIM_OBJECT))?.text ?? "nothing");
  }

  #refusal(found: string): TargetRefusedError {
    return new TargetRefusedError({
      object: formatGcsName(this.#place, CLAIM_OBJECT),
      problem: "is not this copy's claim any more",
      found: found.slice(0, 200),
      advice: "Another copy was at work here: find out which, then run the same command again",
    });
  }
}

/** How the two documents of a migration begin (lib/migrate/target/marker.ts). */
const MARKER = '{"tlog-migrate-marker":';
const RECORD = '{"tlog-migrate-record":';
