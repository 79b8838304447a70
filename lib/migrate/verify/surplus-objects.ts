/**
 * Checks that need a listing: objects beyond the tree, obsolete partials, and partials of the right edge that were not
 * read. Log software may be writing meanwhile: it stores objects first and updates its tree state after, and removes
 * partials that a full object replaces, so a listing is compared with the tree state read after it.
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
import { compareListing, isBeyondSize, type ListingFinding } from "../target/listing-check.ts";
import type { Findings } from "./findings.ts";
import { readStateHead, type StateHead, type TrustedHead } from "./trusted-head.ts";

/** Tessera abandons an integration after 10 s (storage/gcp of github.com/transparency-dev/tessera, v1.0.4). */
const DEFAULT_INTEGRATION_MS = 10_000;

/** How often the tree state is read within that time. */
const POLLS = 10;

/** Objects beyond the tree that are kept; an integration under way stores fewer. */
const MAX_SUSPECTS = 10_000;

/** A log to be listed. */
export interface ListedLog {
  readonly context: ReadContext;
  readonly place: MigrationTarget;
  /** What the log was checked against. */
  readonly trusted: TrustedHead;
  /** How long log software may take to integrate what it has stored. */
  readonly integrationMs?: number | undefined;
}

/**
 * Lists a log and checks its objects against its tree; faults go to `found`.
 * @returns what could not be checked, a sentence each.
 */
export async function verifyListing(log: ListedLog, state: StateHead, found: Findings): Promise<string[]> {
  await using listing = new AsyncDisposableStack();
  const { context, place } = log;
  const writer = listing.adopt(place.openWriter(context.signal), (opened) => opened.close());
  const objects = new Objects(log, writer, state, found);
  const unlisted: string[] = [];
  try {
    await objects.list();
  } catch (error) {
    // A log may be served from linked directories, which a listing does not follow.
    if (!(error instanceof TargetRefusedError)) throw error;
    unlisted.push(
      `Objects beyond the tree: ${error.facts.object} is a symbolic link, which a listing does not follow`,
    );
  }
  await objects.decide();
  return [...unlisted, ...objects.undecided()];
}

class Objects {
  /** The tree state that was read last. */
  #state: StateHead;
  readonly #log: ListedLog;
  readonly #writer: TargetWriter;
  readonly #found: Findings;
  /** Objects that were beyond the tree when listed: integrated since, or surplus. */
  #beyond: Finding[] = [];
  /** Partials of the right edge that were missing: replaced by full objects since, or lost. */
  readonly #gone: Finding[] = [];
  /** Objects that may or may not be the log's. */
  #undecided = 0;
  #firstUndecided = "";

  constructor(log: ListedLog, writer: TargetWriter, state: StateHead, found: Findings) {
    this.#state = state;
    this.#log = log;
    this.#writer = writer;
    this.#found = found;
  }

  async list(): Promise<void> {
    const { place } = this.#log;
    const read = (path: string) => this.#writer.read(path, MAX_OBJECT_BYTES);
    const { size } = this.#state.head;
    for await (const finding of compareListing(place.list("tile"), this.#format, size, read)) {
      this.#note(finding);
      if (this.#beyond.length >= MAX_SUSPECTS) await this.#thinOut();
    }
  }

  /** Separates faults from objects that log software was writing. */
  async decide(): Promise<void> {
    if (this.#beyond.length + this.#gone.length > 0) await this.#readStateAgain();
    if (this.#beyond.length > 0 && this.#mayBeWriting()) await this.#awaitIntegration();
    this.#found.addAll(this.#beyond);
    for (const finding of this.#gone) if (!(await this.#isReplaced(finding.path))) this.#found.add(finding);
  }

  /** What could not be decided, a sentence each. */
  undecided(): string[] {
    const { size } = this.#log.trusted.head;
    const integrated = this.#state.head.size;
    const sentences: string[] = [];
    if (integrated > size) {
      sentences.push(
        `Entries ${size} to ${integrated - 1}, which the log software has integrated since: ` +
          "only that the tree with them begins with the one that was verified",
      );
    }
    if (this.#undecided > 0) {
      sentences.push(
        `Objects beyond size ${size}, ${this.#undecided} of them, such as ${this.#firstUndecided}: log software ` +
          "stores objects before it signs, and only its tree state shows whether they are the log's",
      );
    }
    return sentences;
  }

  get #mayLag(): boolean {
    return this.#log.trusted.mayLag;
  }

  get #format(): LogFormat {
    return this.#log.context.source.format;
  }

  #note({ kind, path, problem }: ListingFinding): void {
    const resource = parseResourcePath(path);
    const isPartial = resource !== undefined && widthOf(resource) < FULL_WIDTH;
    if (kind === "beyond" && !this.#mayLag) this.#beyond.push({ path, problem });
    else if (kind === "beyond") this.#noteUndecided(path);
    else if (kind === "missing" && isPartial) this.#gone.push({ path, problem });
    else this.#found.add({ path, problem });
  }

  #noteUndecided(path: string): void {
    if (this.#undecided++ === 0 || path < this.#firstUndecided) this.#firstUndecided = path;
  }

  /** Whether log software may be writing: it needs a tree state, and does not start on a wrong one. */
  #mayBeWriting(): boolean {
    return this.#state.hasState && this.#state.faults.length === 0;
  }

  /** If so many are still beyond the tree, they are not from an integration under way. */
  async #thinOut(): Promise<void> {
    await this.#readStateAgain();
    if (this.#beyond.length < MAX_SUSPECTS / 2) return;
    this.#found.addAll(this.#beyond);
    this.#beyond = [];
  }

  /**
   * Waits for an integration that was under way when the listing ended. The first change of the tree state is its end:
   * objects beyond the tree then were not stored by it.
   */
  async #awaitIntegration(): Promise<void> {
    const { integrationMs = DEFAULT_INTEGRATION_MS, context } = this.#log;
    const { size } = this.#state.head;
    for (let poll = 0; poll < POLLS && this.#state.head.size === size; poll++) {
      await sleep(integrationMs / POLLS, undefined, { signal: context.signal });
      await this.#readStateAgain();
      if (this.#beyond.length === 0) return;
    }
  }

  /** Reads the tree state again, and drops objects that are integrated by now. */
  async #readStateAgain(): Promise<void> {
    const { context, place } = this.#log;
    this.#state = await readStateHead(context, place, this.#state.head);
    this.#found.addAll(this.#state.faults);
    this.#beyond = this.#beyond.filter(({ path }) => this.#isBeyond(path));
  }

  #isBeyond(path: string): boolean {
    const resource = parseResourcePath(path);
    return resource === undefined || isBeyondSize(resource, this.#format, this.#state.head.size);
  }

  /** Whether the full object exists where a partial one is missing, and is in the tree. */
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
