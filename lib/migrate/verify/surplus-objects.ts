/**
 * What only a listing of a place shows: objects beyond the tree, obsolete partials, and those of the right edge that
 * reading got around. Log software may be at work there meanwhile. It stores objects, and only then says in its tree
 * state that they are the log's; partials that a full object replaces it removes. So what a listing shows is judged by
 * the tree that stands after it.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { TargetRefusedError } from "../../errors.ts";
import {
  bundlePath,
  FULL_WIDTH,
  type LogFormat,
  type LogResource,
  parseResourcePath,
  tilePath,
} from "../../tlog/layout.ts";
import type { Finding } from "../ports/executor.ts";
import { MAX_OBJECT_BYTES } from "../ports/source.ts";
import type { MigrationTarget, TargetWriter } from "../ports/target.ts";
import type { ReadContext } from "../read/context.ts";
import { compareListing, type ListingFinding, standsBeyond } from "../target/listing-check.ts";
import type { Findings } from "./findings.ts";
import { readStateHead, type StateHead, type TrustedHead } from "./trusted-head.ts";

/** Tessera gives up an integration after 10 s (storage/gcp of github.com/transparency-dev/tessera, v1.0.4). */
const DEFAULT_PATIENCE_MS = 10_000;

/** How often the tree state is looked at within that time. */
const LOOKS = 10;

/** Objects beyond the tree that are kept in mind; no integration that is under way has stored so many. */
const MAX_SUSPECTS = 10_000;

/** A place to look at. */
export interface ListedPlace {
  readonly context: ReadContext;
  readonly place: MigrationTarget;
  /** What the log was checked against. */
  readonly trusted: TrustedHead;
  /** How long log software is given to integrate what it has stored. */
  readonly patienceMs?: number | undefined;
}

/**
 * Lists a place and holds what stands there against its tree; faults go to `found`.
 * @returns what could not be told, a sentence each.
 */
export async function verifyStanding(
  look: ListedPlace,
  standing: StateHead,
  found: Findings,
): Promise<string[]> {
  await using listing = new AsyncDisposableStack();
  const { context, place } = look;
  const writer = listing.adopt(place.openWriter(context.signal), (opened) => opened.close());
  const objects = new Objects(look, writer, standing, found);
  const unlisted: string[] = [];
  try {
    await objects.list();
  } catch (error) {
    // A log may be served from linked directories, which a listing does not follow.
    if (!(error instanceof TargetRefusedError)) throw error;
    unlisted.push(
      `What stands beyond the tree: ${error.facts.object} is a symbolic link, which a listing does not follow`,
    );
  }
  await objects.judge();
  return [...unlisted, ...objects.untold()];
}

class Objects {
  /** The tree that stands, as it was seen last. */
  #standing: StateHead;
  readonly #look: ListedPlace;
  readonly #writer: TargetWriter;
  readonly #found: Findings;
  /** What stood beyond the tree when it was listed: the log's by now, or nobody's. */
  #beyond: Finding[] = [];
  /** Partials of the right edge that were missing: replaced by full objects by now, or lost. */
  readonly #gone: Finding[] = [];
  /** Where nothing tells what is the log's. */
  #untold = 0;
  #firstUntold = "";

  constructor(look: ListedPlace, writer: TargetWriter, standing: StateHead, found: Findings) {
    this.#standing = standing;
    this.#look = look;
    this.#writer = writer;
    this.#found = found;
  }

  async list(): Promise<void> {
    const { place } = this.#look;
    const read = (path: string) => this.#writer.read(path, MAX_OBJECT_BYTES);
    const { size } = this.#standing.head;
    for await (const finding of compareListing(place.list("tile"), this.#format, size, read)) {
      this.#note(finding);
      if (this.#beyond.length >= MAX_SUSPECTS) await this.#thinOut();
    }
  }

  /** Tells faults from what log software was at work on. */
  async judge(): Promise<void> {
    if (this.#beyond.length + this.#gone.length > 0) await this.#lookAgain();
    if (this.#beyond.length > 0 && this.#isAtWork()) await this.#awaitIntegration();
    this.#found.addAll(this.#beyond);
    for (const finding of this.#gone) if (!(await this.#isReplaced(finding.path))) this.#found.add(finding);
  }

  /** What cannot be told, a sentence each. */
  untold(): string[] {
    const { size } = this.#look.trusted.head;
    const integrated = this.#standing.head.size;
    const sentences: string[] = [];
    if (integrated > size) {
      sentences.push(
        `Entries ${size} to ${integrated - 1}, which the log software has integrated since: ` +
          "only that the tree with them begins with the one that was verified",
      );
    }
    if (this.#untold > 0) {
      sentences.push(
        `Objects beyond size ${size}, ${this.#untold} of them, such as ${this.#firstUntold}: log software that is at ` +
          "work stores them before it signs, and only its tree state tells whether they are its own",
      );
    }
    return sentences;
  }

  get #mayLag(): boolean {
    return this.#look.trusted.mayLag;
  }

  get #format(): LogFormat {
    return this.#look.context.source.format;
  }

  #note({ kind, path, problem }: ListingFinding): void {
    const resource = parseResourcePath(path);
    const isPartial = resource !== undefined && widthOf(resource) < FULL_WIDTH;
    if (kind === "beyond" && !this.#mayLag) this.#beyond.push({ path, problem });
    else if (kind === "beyond") this.#noteUntold(path);
    else if (kind === "missing" && isPartial) this.#gone.push({ path, problem });
    else this.#found.add({ path, problem });
  }

  #noteUntold(path: string): void {
    if (this.#untold++ === 0 || path < this.#firstUntold) this.#firstUntold = path;
  }

  /** Whether log software may be at work: it is what changes a tree state, and it starts on none that is wrong. */
  #isAtWork(): boolean {
    return this.#standing.hasState && this.#standing.faults.length === 0;
  }

  /** So many that are still beyond the tree are no work in progress. */
  async #thinOut(): Promise<void> {
    await this.#lookAgain();
    if (this.#beyond.length < MAX_SUSPECTS / 2) return;
    this.#found.addAll(this.#beyond);
    this.#beyond = [];
  }

  /**
   * Gives log software time for an integration that was under way when the listing ended. The first change of the
   * tree state is its end: what is beyond the tree then was not stored for it.
   */
  async #awaitIntegration(): Promise<void> {
    const { patienceMs = DEFAULT_PATIENCE_MS, context } = this.#look;
    const { size } = this.#standing.head;
    for (let look = 0; look < LOOKS && this.#standing.head.size === size; look++) {
      await sleep(patienceMs / LOOKS, undefined, { signal: context.signal });
      await this.#lookAgain();
      if (this.#beyond.length === 0) return;
    }
  }

  /** Takes the tree that stands now, and drops what is the log's by now. */
  async #lookAgain(): Promise<void> {
    const { context, place } = this.#look;
    this.#standing = await readStateHead(context, place, this.#standing.head);
    this.#found.addAll(this.#standing.faults);
    this.#beyond = this.#beyond.filter(({ path }) => this.#isBeyond(path));
  }

  #isBeyond(path: string): boolean {
    const resource = parseResourcePath(path);
    return resource === undefined || standsBeyond(resource, this.#format, this.#standing.head.size);
  }

  /** Whether the full object stands where a partial one is missing, and may stand there. */
  async #isReplaced(path: string): Promise<boolean> {
    const resource = parseResourcePath(path);
    if (resource === undefined) return false;
    const full = fullPath(resource, this.#format);
    if (!this.#mayLag && this.#isBeyond(full)) return false;
    return (await this.#writer.read(full, MAX_OBJECT_BYTES)) !== undefined;
  }
}

function widthOf(resource: LogResource): number {
  return resource.kind === "tile" ? resource.tile.width : resource.bundle.width;
}

function fullPath(resource: LogResource, format: LogFormat): string {
  return resource.kind === "tile"
    ? tilePath({ ...resource.tile, width: FULL_WIDTH })
    : bundlePath(format, { ...resource.bundle, width: FULL_WIDTH });
}
