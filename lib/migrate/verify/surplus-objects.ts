/**
 * Checks that need a listing: objects beyond the tree, obsolete partials, and partials of the right edge that were not
 * read. Log software may be writing meanwhile: it stores objects first and updates its tree state after, and removes
 * partials that a full object replaces, so a listing is compared with the tree state read after it.
 */

import { TargetRefusedError } from "../../errors.ts";
import { FULL_WIDTH, type LogResource } from "../../tlog/layout.ts";
import { formatCount } from "../../tlog/quantities.ts";
import { cleanUp } from "../clean-up.ts";
import { MAX_OBJECT_BYTES } from "../ports/source.ts";
import type { MigrationTarget, StoredObject, TargetWriter } from "../ports/target.ts";
import type { ReadContext } from "../read/context.ts";
import type { Progress } from "../report/progress.ts";
import { Absences } from "../target/absences.ts";
import {
  at,
  compareListing,
  coordinateOf,
  counted,
  isBeyondSize,
  type ListingFinding,
  pathOf,
} from "../target/listing-check.ts";
import { listingCuts } from "../target/listing-cuts.ts";
import { pause } from "../throttle/pause.ts";
import type { Findings } from "./findings.ts";
import { readStateHead, type StateHead, type TrustedHead } from "./trusted-head.ts";

/** Tessera abandons an integration after 10 s (storage/gcp of github.com/transparency-dev/tessera, v1.0.4). */
const DEFAULT_INTEGRATION_MS = 10_000;

/** Number of reads of the tree state in that time. */
const POLLS = 10;

/** Most objects beyond the tree that are kept; a running integration stores fewer. */
const MAX_SUSPECTS = 10_000;

export interface ListedLog {
  readonly context: ReadContext;
  readonly target: MigrationTarget;
  readonly progress: Progress;
  /** What the log was checked against. */
  readonly trusted: TrustedHead;
  readonly state: StateHead;
  /** Collects the faults. */
  readonly found: Findings;
  /** Paths that a pass before this one has found faults in, after such a wait. */
  readonly known?: ReadonlySet<string> | undefined;
  /** How long log software may take to integrate what it has stored. */
  readonly integrationMs?: number | undefined;
}

/**
 * Lists a log and checks its objects against its tree.
 * @returns what could not be checked, a sentence each.
 */
export async function verifyListing(log: ListedLog): Promise<string[]> {
  const writer = log.target.openWriter(log.context.signal);
  try {
    return await new Listing(log, writer).verify();
  } finally {
    await cleanUp(undefined, () => writer.close());
  }
}

/** Every bundle of the tree is read, and a partial that is obsolete compared: log software may store them compressed. */
async function* sizesAside(listing: AsyncIterable<StoredObject>): AsyncGenerator<StoredObject> {
  for await (const object of listing) yield { ...object, isCompressed: true };
}

class Listing {
  readonly #log: ListedLog;
  readonly #writer: TargetWriter;
  /** The tree state that was read last. */
  #state: StateHead;
  /** Objects that were beyond the tree when listed: integrated since, or surplus. */
  #beyond: ListingFinding[] = [];
  /** Partials of the right edge that were missing: replaced by full objects since, or lost. */
  readonly #gone: ListingFinding[] = [];
  /** Objects that may or may not belong to the log. */
  #undecided = 0;
  #firstUndecided = "";

  constructor(log: ListedLog, writer: TargetWriter) {
    this.#log = log;
    this.#writer = writer;
    this.#state = log.state;
  }

  async verify(): Promise<string[]> {
    const { trusted } = this.#log;
    const unchecked: string[] = [];
    try {
      await this.#list();
    } catch (error) {
      // A log may be served from linked directories, which a listing does not follow.
      if (!(error instanceof TargetRefusedError)) throw error;
      unchecked.push(
        `Objects beyond the tree: ${error.facts.object} is a symbolic link, which a listing does not follow`,
      );
    }
    await this.#decide();
    const { size } = trusted.head;
    const integrated = this.#state.head.size;
    if (integrated > size) {
      unchecked.push(
        `Entries ${size} to ${integrated - 1}, which the log software has integrated since: ` +
          "it was only checked that the tree with them begins with the verified tree",
      );
    }
    if (this.#undecided > 0) {
      unchecked.push(
        `Objects beyond size ${formatCount(size)}, ${formatCount(this.#undecided)} of them, such as ${this.#firstUndecided}: log software ` +
          "stores objects before it signs, and only its tree state shows whether they are the log's",
      );
    }
    return unchecked;
  }

  async #list(): Promise<void> {
    const { context, target, trusted, found, progress } = this.#log;
    const { minIndex, source } = context;
    const { format } = source;
    const absences = new Absences(minIndex);
    progress.phase = "listing the log";
    const { size } = this.#state.head;
    const listing = counted(sizesAside(target.list("tile", { cuts: listingCuts(format, size) })), context);
    const read = (path: string) => this.#writer.read(path, MAX_OBJECT_BYTES);
    for await (const finding of compareListing(listing, { format, size, read, absences })) {
      const { kind, path, resource } = finding;
      if (kind === "beyond" && trusted.mayLag) {
        if (this.#undecided++ === 0 || path < this.#firstUndecided) this.#firstUndecided = path;
      } else if (kind === "beyond") this.#beyond.push(finding);
      else if (kind === "missing" && coordinateOf(resource).width < FULL_WIDTH) this.#gone.push(finding);
      else found.add(finding);
      if (this.#beyond.length < MAX_SUSPECTS) continue;
      await this.#readStateAgain();
      // If so many are still beyond the tree, they do not come from a running integration.
      if (this.#beyond.length >= MAX_SUSPECTS / 2) found.addAll(this.#beyond.splice(0));
    }
  }

  /** Separates faults from objects that log software was writing. */
  async #decide(): Promise<void> {
    const { found } = this.#log;
    if (this.#beyond.length + this.#gone.length > 0) await this.#readStateAgain();
    // Log software needs a tree state, and does not start on a wrong one.
    const mayBeWriting = this.#state.hasState && this.#state.faults.length === 0;
    const { known } = this.#log;
    const areNew = this.#beyond.some(({ path }) => known?.has(path) !== true);
    if (areNew && mayBeWriting) await this.#awaitIntegration();
    found.addAll(this.#beyond);
    for (const finding of this.#gone) if (!(await this.#isReplaced(finding))) found.add(finding);
  }

  /**
   * Waits for an integration that was running when the listing ended. The first change of the tree state is its end:
   * objects that are then still beyond the tree do not come from it.
   */
  async #awaitIntegration(): Promise<void> {
    const { integrationMs = DEFAULT_INTEGRATION_MS, context, progress } = this.#log;
    progress.phase = "waiting for log software to integrate what it has stored";
    const { size } = this.#state.head;
    for (let poll = 0; poll < POLLS && this.#state.head.size === size; poll++) {
      await pause(integrationMs / POLLS, context.signal);
      await this.#readStateAgain();
      if (this.#beyond.length === 0) return;
    }
  }

  /** Reads the tree state again, and drops objects that are now integrated. */
  async #readStateAgain(): Promise<void> {
    const { context, target, found } = this.#log;
    this.#state = await readStateHead(context, target, this.#state.head);
    found.addAll(this.#state.faults);
    this.#beyond = this.#beyond.filter(({ resource }) => this.#isBeyond(resource));
  }

  #isBeyond(resource: LogResource): boolean {
    return isBeyondSize(resource, this.#log.context.source.format, this.#state.head.size);
  }

  /** Whether the full object exists where a partial one is missing, and is in the tree. */
  async #isReplaced({ resource }: ListingFinding): Promise<boolean> {
    const full = at(resource, coordinateOf(resource).index, FULL_WIDTH);
    if (!this.#log.trusted.mayLag && this.#isBeyond(full)) return false;
    return (await this.#writer.read(pathOf(full), MAX_OBJECT_BYTES)) !== undefined;
  }
}
