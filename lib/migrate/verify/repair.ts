/**
 * Repairs the faults that a verification has found: objects of the trusted tree are read from another copy of the log,
 * authenticated against the same tree, and replace wrong or missing ones. Nothing else is changed: not objects beyond
 * the tree, nor the checkpoint, nor the private state. Log software may be running at the same time.
 */

import {
  type ErrorFacts,
  OperationError,
  TargetRefusedError,
  UsageError,
  VerificationError,
} from "../../errors.ts";
import { FormatError } from "../../tlog/errors.ts";
import { bundlePath, FULL_WIDTH, type LogFormat, tilePath, tileWidth } from "../../tlog/layout.ts";
import { formatCount } from "../../tlog/quantities.ts";
import { shownAddress } from "../../tlog/shown-address.ts";
import { cleanUp } from "../clean-up.ts";
import type { WorkOptions } from "../options/options.ts";
import { findPlace, requireSourceOptions } from "../options/places.ts";
import { outsideFailure } from "../outside-failure.ts";
import type { BackendModules } from "../ports/backend.ts";
import type { Finding } from "../ports/executor.ts";
import { MAX_OBJECT_BYTES } from "../ports/source.ts";
import type { MigrationTarget, TargetRepairs } from "../ports/target.ts";
import type { ReadContext } from "../read/context.ts";
import { DEFAULT_BUDGET_BYTES, openSession, type Session } from "../session.ts";
import { readableTreeState } from "../target/tree-state.ts";
import { DEFAULT_RETRY } from "../throttle/backoff.ts";
import type { Findings } from "./findings.ts";
import { type AuthorityOfRepair, requireAuthority } from "./repair-authority.ts";
import { openRepairTree, RepairSource } from "./repair-source.ts";
import { bundleOf, type Repairable, repairableIn } from "./repairable.ts";
import { cutFromSize, statedSize } from "./wider-source.ts";

/** The result of a repair. */
export interface RepairReport {
  /** The copy of the log that was named. */
  readonly source: string;
  /** The number of objects that were wrong or missing and are now right. */
  readonly repaired: number;
  /** The first of them, at most 1,000, by path. */
  readonly objects: readonly string[];
  /** Objects that are still wrong or missing, and why they could not be repaired; the first 100. */
  readonly notRepaired: readonly Finding[];
  /** The failure that ended the repair: the copy could not be read, or the log could not be written. */
  readonly failure?: ErrorFacts;
}

/** Number of objects that are repaired at the same time. */
const CONCURRENCY = 8;

/** Most objects that a run tries to repair, each once. */
const MAX_OBJECTS = 1_000_000;

const [NAMED_OBJECTS, NAMED_FAILURES] = [1000, 100];

/** The outcome for an object: it was repaired, or found right; or the reason why neither. */
type Outcome = "repaired" | "right" | { readonly problem: string };

export interface RepairedLog extends AuthorityOfRepair {
  /** Where the right objects are. */
  readonly from: string;
  readonly format: LogFormat;
  readonly deep: boolean;
  readonly modules: BackendModules;
}

/** @throws UsageError if a log cannot be repaired where it is, or not from there; nothing is read. */
export async function requireRepairable(
  log: string,
  target: MigrationTarget | undefined,
  from: string,
  modules: BackendModules,
): Promise<void> {
  const { url } = await findPlace(from, "source", modules);
  const place = await findPlace(log, "log", modules);
  if (target?.openRepairs === undefined) {
    throw new UsageError({
      object: target?.location ?? log,
      problem: "can only be read, so nothing can be repaired there",
      advice:
        "Run the command on the machine that stores the log, with its directory or bucket; or omit --repair-from",
    });
  }
  if (url.href !== place.url.href) return;
  throw new UsageError({
    object: "--repair-from",
    problem: "names the log itself",
    found: from,
    advice: "Pass another copy of the log",
  });
}

export class LogRepair {
  readonly #log: RepairedLog;
  readonly #session: Session<WorkOptions>;
  readonly #repairs: TargetRepairs;
  /** The copy of the log, opened when the first object is needed. */
  #copy: Session<WorkOptions> | undefined;
  #copyContext: ReadContext | undefined;
  readonly #outcomes = new Map<string, Outcome>();
  #repaired = 0;
  readonly #first: string[] = [];
  #failure: ErrorFacts | undefined;

  private constructor(log: RepairedLog, session: Session<WorkOptions>, repairs: TargetRepairs) {
    this.#log = log;
    this.#session = session;
    this.#repairs = repairs;
  }

  /** @throws UsageError if the options are not enough to read the copy. */
  static async open(log: RepairedLog, session: Session<WorkOptions>): Promise<LogRepair> {
    const { target, from, format, modules } = log;
    await requireSourceOptions(from, session.options.access, format, modules);
    if (target.openRepairs === undefined) throw new Error("a log that cannot be written is not repaired");
    return new LogRepair(log, session, await target.openRepairs(session.context.signal));
  }

  /**
   * Repairs the repairable objects of a verification, each object once in a run.
   * @returns whether the log should be verified again: an object has become right.
   */
  async repair(found: Findings): Promise<boolean> {
    const {
      trusted: { head },
      format,
    } = this.#log;
    if (this.#failure !== undefined) return false;
    const objects = repairableIn(found.paths, format, head.size).filter(
      ({ path }) => !this.#outcomes.has(path),
    );
    if (objects.length === 0) return false;
    this.#session.progress.phase = "repairing";
    const source = await this.#open(objects);
    if (source === undefined) return false;
    let hasChanged = false;
    const suspects: Repairable[] = [];
    const work = async (queue: Iterable<Repairable>): Promise<void> => {
      for (const object of queue) {
        this.#session.context.signal.throwIfAborted();
        if (this.#failure !== undefined || this.#outcomes.size >= MAX_OBJECTS) return;
        const outcome = await this.#outcomeOf(object, source);
        if (outcome === undefined) return;
        this.#note(object, outcome);
        if (typeof outcome === "string") hasChanged = true;
        const entry = found.entries.get(object.path);
        if (typeof outcome === "object" && entry !== undefined)
          suspects.push(bundleOf(entry, format, head.size));
      }
    };
    await atOnce(objects, work);
    await work(suspects.filter(({ path }) => !this.#outcomes.has(path)));
    return hasChanged;
  }

  /** @param found by the last verification. */
  report(found: Findings): RepairReport {
    const {
      trusted: { head },
      format,
    } = this.#log;
    const notRepaired: Finding[] = [];
    for (const { path } of repairableIn(found.paths, format, head.size)) {
      const outcome = this.#outcomes.get(path);
      if (notRepaired.length === NAMED_FAILURES) break;
      if (outcome === "repaired") notRepaired.push({ path, problem: WRONG_AGAIN });
      else if (typeof outcome === "object") notRepaired.push({ path, problem: outcome.problem });
      else if (outcome === undefined && this.#outcomes.size >= MAX_OBJECTS) {
        notRepaired.push({ path, problem: TOO_MANY });
        break;
      }
    }
    return {
      source: this.#from,
      repaired: this.#repaired,
      objects: this.#first.toSorted(),
      notRepaired,
      ...(this.#failure && { failure: this.#failure }),
    };
  }

  get #from(): string {
    return shownAddress(this.#log.from);
  }

  async close(): Promise<void> {
    await cleanUp(
      this.#session.options.notice,
      () => this.#copy?.close(),
      () => this.#repairs.close(),
    );
  }

  /** The tree, opened again in each round; undefined if it is unavailable, which is noted. */
  async #open(objects: readonly Repairable[]): Promise<RepairSource | undefined> {
    const {
      trusted: { head },
      deep,
    } = this.#log;
    const { context, options } = this.#session;
    const { budgetBytes = DEFAULT_BUDGET_BYTES } = options;
    try {
      this.#copyContext ??= await this.#openCopy();
      // The verification has already retried the wrong objects.
      const log = { ...context, minIndex: 0, retry: { ...context.retry, contentAttempts: 0 } };
      const copy = this.#copyContext;
      const source = await RepairSource.open(log, copy, head, { deep, budgetBytes });
      await requireAuthority(this.#log, (other) => openRepairTree(log, copy, other));
      return source;
    } catch (error) {
      const failure = this.#failed(error);
      if (failure !== undefined) for (const object of objects) this.#note(object, failure);
      return undefined;
    }
  }

  async #openCopy(): Promise<ReadContext> {
    const { from, format, modules } = this.#log;
    const { options } = this.#session;
    const { contentAttempts, ...retry } = options.retry ?? DEFAULT_RETRY;
    // A copy may lack a million objects: each is asked for once more, past every cache.
    const once = { ...retry, contentAttempts: Math.min(contentAttempts, 1) };
    this.#copy = await openSession(from, { ...options, format, retry: once }, modules);
    const { context } = this.#copy;
    const source = cutFromSize(context.source, await statedSize(context));
    return { ...context, source, replacesBadPartials: true };
  }

  /** Undefined if the repair cannot continue. */
  async #outcomeOf(object: Repairable, source: RepairSource): Promise<Outcome | undefined> {
    try {
      const expected = await source.expected(object);
      // Log software may have stored it, or a fuller object, in the meantime; or the tile above it was wrong.
      const inPlace = await this.#repairs.read(object.path, expected.maxBytes);
      if (inPlace !== undefined && (await expected.isRight(inPlace))) return "right";
      if (await this.#isReplaced(object)) return "right";
      await expected.read((bytes) => this.#repairs.replace(object.path, bytes));
      return "repaired";
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Why one object could not be repaired; undefined if it concerns all. @throws any other error. */
  #failed(error: unknown): Outcome | undefined {
    this.#session.context.signal.throwIfAborted();
    const failure = outsideFailure(error);
    if (failure instanceof OperationError) {
      this.#failure ??= failure.facts;
      return undefined;
    }
    if (!(failure instanceof VerificationError || failure instanceof TargetRefusedError)) throw failure;
    const { object, problem, expected, found } = failure.facts;
    const comparison = expected === undefined ? "" : ` (expected ${expected}, found ${found ?? "nothing"})`;
    return { problem: `${object} ${problem}${comparison}` };
  }

  #note({ path }: Repairable, outcome: Outcome): void {
    this.#outcomes.set(path, outcome);
    if (outcome !== "repaired") return;
    this.#repaired++;
    if (this.#first.length < NAMED_OBJECTS) this.#first.push(path);
    this.#session.progress.own.add("replacedObjects", 1);
    this.#session.options.notice?.(`${this.#log.target.locate(path)}: repaired from ${this.#from}`);
  }

  /** Whether log software has replaced a partial object by the full one: then the partial one is not stored again. */
  async #isReplaced(object: Repairable): Promise<boolean> {
    if (object.kind === "issuer") return false;
    const { level, index, width } = object.kind === "tile" ? object.tile : { level: 0, ...object.bundle };
    if (width === FULL_WIDTH) return false;
    const state = await readableTreeState(this.#log.target);
    if (state === undefined || state instanceof FormatError) return false;
    if (tileWidth(state.size, level, index) < FULL_WIDTH) return false;
    const full = { level, index, width: FULL_WIDTH };
    const path = object.kind === "tile" ? tilePath(full) : bundlePath(this.#log.format, full);
    return (await this.#repairs.read(path, MAX_OBJECT_BYTES)) !== undefined;
  }
}

/** @throws the first failure, once all have ended: the repair is closed after it. */
async function atOnce<T>(items: readonly T[], work: (queue: Iterable<T>) => Promise<void>): Promise<void> {
  const queue = items.values();
  const results = await Promise.allSettled(Array.from({ length: CONCURRENCY }, () => work(queue)));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

const WRONG_AGAIN = "was repaired, and is wrong again: find out what else writes there";
const TOO_MANY = `a run repairs at most ${formatCount(MAX_OBJECTS)} objects: run the same command again for this one and the others`;
