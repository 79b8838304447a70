/**
 * How a log is handed over to Sunlight (filippo.io/sunlight, v0.8.1), wherever it is stored. Sunlight starts from the
 * row of its lock and compares it with the object `checkpoint`; without the row it makes a new log on the day of its
 * inception, unless there is a `checkpoint`. So that object is the guard: until the handover it is a claim, which
 * Sunlight refuses with a row and without one. The handover adds the row first, and puts the checkpoint there last.
 */

import { TargetRefusedError, UsageError } from "../../lib/errors.ts";
import type { IntegratedTree, SignedLog, SigningLock, TreeState } from "../../lib/migrate/ports/target.ts";
import { parseCheckpointText } from "../../lib/tlog/checkpoint.ts";
import { attempt } from "../../lib/tlog/errors.ts";
import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { equalBytes, formatHash } from "../../lib/tlog/merkle.ts";
import { parseNote } from "../../lib/tlog/note.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import type { StateContents } from "../bucket/log-state.ts";
import { claimText, markerIn } from "../shared/claim-text.ts";
import { formatHandover, HANDOVER_PATH, type Handover, parseHandover } from "./handover-document.ts";
import type { LockedLog, SunlightLock } from "./lock.ts";

/** Sunlight v0.8.1 signs each checkpoint twice in the log's name, and starts on no other. */
const OWN_SIGNATURES = 2;

/** Where the guard and the document of the handover are stored. */
export interface StateDocuments {
  readonly location: string;
  /** What a claim has in place of the document of a handover, if anything. */
  readonly initial: string | undefined;
  locate(path: string): string;
  read(path: string): Promise<string | undefined>;
  /**
   * Stores a text, or removes it, in place of the one that was read; undefined is none. Durable when it resolves.
   * @throws TargetRefusedError if another is there.
   */
  replace(path: string, instead: string | undefined, text: string | undefined): Promise<void>;
}

/** Which lock the operator has named: false if none is to get a row; undefined if nothing was said, to read only. */
export type NamedLock = SunlightLock | false | undefined;

export class SunlightState {
  readonly treeStateName = "the row in Sunlight's lock";
  readonly #documents: StateDocuments;
  readonly #named: NamedLock;
  readonly #lock: SunlightLock | undefined;
  /** That is copied. */
  #log: SignedLog | undefined;

  constructor(documents: StateDocuments, named: NamedLock) {
    this.#documents = documents;
    this.#named = named;
    this.#lock = named === false ? undefined : named;
  }

  requireLog(log: SignedLog): void {
    const refuse = (problem: string, advice: string) =>
      new UsageError({ object: this.#documents.location, problem, advice });
    if (log.format !== "static-ct") {
      throw refuse("is a place for a log of Sunlight, which are Static CT logs", "Pass --format static-ct");
    }
    if (log.logId === undefined) {
      const problem = "needs the log's RFC 6962 key, by which Sunlight finds it in its lock";
      throw refuse(problem, "Pass --public-key with --origin, --log-list, or a --vkey of type 0x05");
    }
    const own = parseNote(log.note).signatures.filter(({ name }) => name === log.origin);
    if (own.length < OWN_SIGNATURES) {
      const problem = "is for logs of Sunlight, whose checkpoints have two signatures in the log's name";
      throw refuse(`${problem}: this one has ${own.length}`, "Copy it for TesseraCT, without gzip+");
    }
    this.#log = log;
  }

  /** What guard and document say of the place. */
  async inspect(): Promise<StateContents> {
    const documents = this.#documents;
    const [guard, document] = [await documents.read(CHECKPOINT_PATH), await documents.read(HANDOVER_PATH)];
    const handover = document === undefined ? undefined : parseHandover(document);
    if (document !== undefined && handover === undefined) {
      return { kind: "occupied", found: `${HANDOVER_PATH}: ${document.slice(0, 200)}` };
    }
    const begun = handover === "claimed" ? undefined : handover;
    const marker = markerIn(guard);
    if (marker !== undefined) return { kind: "claimed", marker };
    if (guard !== undefined && begun !== undefined) return { kind: "handed-over", record: begun.record };
    if (guard !== undefined) return { kind: "occupied", found: "a checkpoint" };
    if (begun === undefined) return { kind: "unclaimed" };
    return { kind: "occupied", found: `a record of a handover (${HANDOVER_PATH}), and no checkpoint` };
  }

  /**
   * Before anything is written. Of a row that exists nobody knows here whose it is: the log may be at work elsewhere.
   * @throws UsageError for another lock than that of a handover that has begun; TargetRefusedError if there is a row.
   */
  async requireUsable({ kind }: StateContents): Promise<void> {
    if (kind === "claimed" || kind === "handed-over") this.#requireSameLock(await this.#handover());
    if (kind !== "unclaimed" || this.#log === undefined) return;
    const row = await this.#lock?.row(this.#log);
    if (row !== undefined) throw this.#rowExists(describe(row));
  }

  /** Before the claim. */
  async prepare(): Promise<void> {
    await this.#lock?.prepare();
    await this.requireUsable({ kind: "unclaimed" });
  }

  async requireClaim(marker: string | undefined): Promise<void> {
    const guard = await this.#documents.read(CHECKPOINT_PATH);
    const found = markerIn(guard);
    if (found !== undefined && (marker === undefined || found === marker)) return;
    throw new TargetRefusedError({
      object: this.#documents.locate(CHECKPOINT_PATH),
      problem: "is not this copy's claim any more",
      found: guard?.slice(0, 200) ?? "nothing",
      advice:
        "Another copy was at work here, or Sunlight was: find out which, then run the same command again",
    });
  }

  /** The tree of a handover, also of one that was broken off. */
  async integratedTree(): Promise<IntegratedTree | undefined> {
    const checkpoint = await this.#documents.read(CHECKPOINT_PATH);
    if (markerIn(checkpoint) === undefined) return checkpoint === undefined ? undefined : treeOf(checkpoint);
    const begun = await this.#handover();
    return begun && treeOf(begun.checkpoint);
  }

  async handOver(marker: string, state: TreeState, record: string, note?: Uint8Array): Promise<void> {
    const logId = this.#log?.logId;
    if (note === undefined || logId === undefined)
      throw new Error("Sunlight needs a checkpoint and a log ID");
    await this.requireClaim(marker);
    const document = await this.#documents.read(HANDOVER_PATH);
    const begun = handoverIn(document);
    this.#requireSameLock(begun);
    const row = await this.#lock?.row({ logId, origin: openedText(note).origin });
    if (row !== undefined) this.#requireBegun(row, begun, state);
    // What the row says is what Sunlight has signed; an earlier run may have added it.
    const checkpoint = Buffer.from(row ?? note).toString();
    const lock = this.#lock?.name ?? null;
    const handover = { lock, logId: Buffer.from(logId).toString("hex"), checkpoint, record };
    await this.#documents.replace(HANDOVER_PATH, document, formatHandover(handover));
    if (this.#lock !== undefined && row === undefined) {
      await this.#lock.prepare();
      await this.requireClaim(marker);
      if (!(await this.#lock.insert(logId, Buffer.from(checkpoint))))
        throw this.#rowExists("a row of this key");
    }
    await this.#documents.replace(CHECKPOINT_PATH, claimText(marker), checkpoint);
  }

  async takeBack(marker: string, state: TreeState, record?: string): Promise<void> {
    const [documents, lock, claim] = [this.#documents, this.#lock, claimText(marker)];
    const document = await documents.read(HANDOVER_PATH);
    const handover = handoverIn(document);
    // Where the claim is, the handover was broken off, or its being taken back.
    const guard = record === undefined ? claim : handover?.checkpoint;
    const isAsWritten =
      handover !== undefined &&
      isTree(handover.checkpoint, state) &&
      (await documents.read(CHECKPOINT_PATH)) === guard &&
      (record === undefined || handover.record === record);
    if (!isAsWritten) throw this.#goneOn(documents.locate(CHECKPOINT_PATH));
    this.#requireSameLock(handover);
    const [logId, checkpoint] = [Buffer.from(handover.logId, "hex"), Buffer.from(handover.checkpoint)];
    const row = await lock?.row({ logId, origin: openedText(checkpoint).origin });
    // Sunlight signs again with every sequencing, also of nothing.
    const isUntouched = row === undefined ? record === undefined : equalBytes(row, checkpoint);
    if (lock !== undefined && !isUntouched) throw this.#goneOn(lock.name);
    if (record !== undefined) await documents.replace(CHECKPOINT_PATH, guard, claim);
    if (lock !== undefined && row !== undefined && !(await lock.remove(logId, checkpoint))) {
      // Not over what Sunlight has stored there meanwhile.
      if (record !== undefined) await this.#unlessRefused(documents.replace(CHECKPOINT_PATH, claim, guard));
      throw this.#goneOn(lock.name);
    }
    await this.requireClaim(marker);
    await documents.replace(HANDOVER_PATH, document, documents.initial);
  }

  async confirmHandOver(): Promise<void> {
    const handover = await this.#handover();
    this.#requireSameLock(handover);
    if (handover === undefined || this.#lock === undefined) return;
    if ((await this.#lock.row(lockedLog(handover))) !== undefined) return;
    throw new TargetRefusedError({
      object: this.#lock.name,
      problem: "has no row of this log, which was handed over with it",
      advice: "Find out what has removed it; Sunlight does not start without it",
    });
  }

  /** The row of a log, for one who only reads. */
  async signingLock({ origin, logId }: LockedLog): Promise<SigningLock> {
    const handover = await this.#handover();
    const lock = this.#lock;
    if (lock === undefined) return { kind: "unread", name: handover?.lock, option: "--sunlight-lock" };
    const known = logId ?? (handover && lockedLog(handover).logId);
    return { kind: "read", name: lock.name, checkpoint: await lock.row({ origin, logId: known }) };
  }

  async close(): Promise<void> {
    await this.#lock?.close();
  }

  async #handover(): Promise<Handover | undefined> {
    return handoverIn(await this.#documents.read(HANDOVER_PATH));
  }

  /** Once a handover has begun, a row may be where it says, and must not be anywhere else. */
  #requireSameLock(begun: Handover | undefined): void {
    const named = this.#named === undefined ? undefined : (this.#lock?.name ?? null);
    if (begun === undefined || named === undefined || named === begun.lock) return;
    throw new UsageError({
      object: this.#documents.location,
      problem: "is handed over with another lock than was named",
      expected: begun.lock ?? "none",
      found: named ?? "none",
      advice: `Pass ${begun.lock === null ? "--no-sunlight-lock" : `--sunlight-lock ${begun.lock}`}`,
    });
  }

  /** A row that is there must be the one that this handover has added before it was broken off. */
  #requireBegun(row: Uint8Array, begun: Handover | undefined, state: TreeState): void {
    if (begun !== undefined && equalBytes(Buffer.from(begun.checkpoint), row) && isTree(row, state)) return;
    throw this.#rowExists(describe(row));
  }

  #rowExists(found: string): TargetRefusedError {
    return new TargetRefusedError({
      object: this.#lock?.name ?? this.#documents.location,
      problem: "has a row of this log already, which is never replaced: the log may be at work elsewhere",
      found,
      advice:
        "Name a lock that has none; or, if Sunlight keeps this one when the log has moved, pass --no-sunlight-lock",
    });
  }

  #goneOn(object: string): TargetRefusedError {
    return new TargetRefusedError({
      object,
      problem: "is not as the handover wrote it: Sunlight has gone on from there",
      advice: "The log lives there now; nothing was changed",
    });
  }

  async #unlessRefused(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => {
      if (!(error instanceof TargetRefusedError)) throw error;
    });
  }
}

function handoverIn(document: string | undefined): Handover | undefined {
  const handover = document === undefined ? undefined : parseHandover(document);
  return handover === "claimed" ? undefined : handover;
}

function lockedLog({ checkpoint, logId }: Handover): Required<LockedLog> {
  return { origin: openedText(checkpoint).origin, logId: Buffer.from(logId, "hex") };
}

function treeOf(checkpoint: string | Uint8Array): IntegratedTree {
  const { size, rootHash } = openedText(checkpoint);
  return { size, rootHash };
}

function openedText(checkpoint: string | Uint8Array) {
  return parseCheckpointText(parseNote(Buffer.from(checkpoint)).text);
}

function isTree(checkpoint: string | Uint8Array, { size, rootHash }: IntegratedTree): boolean {
  const tree = attempt(() => treeOf(checkpoint));
  return tree?.size === size && equalBytes(tree.rootHash, rootHash);
}

function describe(checkpoint: Uint8Array): string {
  const tree = attempt(() => treeOf(checkpoint));
  return tree === undefined
    ? "no checkpoint"
    : `size ${formatCount(tree.size)}, root ${formatHash(tree.rootHash)}`;
}
