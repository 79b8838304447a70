/** Asks the copy that follows a source into a target to hand the log over. */

import { OperationError } from "../errors.ts";
import { parseCheckpointText } from "../tlog/checkpoint.ts";
import { parseNote } from "../tlog/note.ts";
import { cleanUp } from "./clean-up.ts";
import {
  type CutoverRequest,
  newRequest,
  REQUEST_PATH,
  readRequest,
  writeRequest,
} from "./cutover/request.ts";
import { checkCutover } from "./options/check-options.ts";
import type { CutoverOptions } from "./options/options.ts";
import { openTarget } from "./options/places.ts";
import type { BackendModules } from "./ports/backend.ts";
import type { MigrationTarget, TargetWriter } from "./ports/target.ts";
import { targetSpecOf } from "./session.ts";
import { claimAdvice, parseMarker, parseRecord } from "./target/marker.ts";
import { refused } from "./target/refusals.ts";
import { pause } from "./throttle/pause.ts";

/** What `cutover --json` prints. */
export interface CutoverReport {
  readonly target: string;
  readonly origin: string;
  /** Entries of the log that was handed over, or of the copy as it is aimed at. */
  readonly size: number;
  readonly outcome: /** The copy that follows the source does it. */
    | "accepted"
    | "handed-over"
    /** The request is taken back, or there was none. */
    | "cancelled";
}

const CONNECTIONS = 2;

const POLL_MS = 250;

/** A copy at work looks once a second. */
const DEFAULT_ANSWER_MS = 15_000;

/** From the end of a request to the end of the handover. */
const HANDOVER_MS = 60_000;

/** After a request is cancelled: a handover that had begun would be over. */
const CANCEL_MS = 2_000;

/**
 * Asks for a cutover, or takes the request back.
 * @throws TargetRefusedError if there is no copy to hand over, OperationError if none is at work there, or it refuses.
 */
export async function cutover(options: CutoverOptions, modules: BackendModules): Promise<CutoverReport> {
  checkCutover(options);
  const spec = targetSpecOf(options.target, options, modules);
  const further = { connections: CONNECTIONS, signal: options.signal };
  // A target that has been inspected writes for the claim that it saw, which the copy at work replaces again and again.
  const [looking, asking] = [await openTarget(spec, further), await openTarget(spec, further)];
  let writer: TargetWriter | undefined;
  try {
    const now = await lookAt(looking);
    if (now.outcome === "handed-over") return now.report;
    writer = asking.openWriter(options.signal);
    const cutover = new Cutover(options, looking, asking, writer);
    if (options.cancel === true) return await cutover.cancel();
    return await cutover.ask(newRequest(now.marker));
  } finally {
    await cleanUp(
      options.notice,
      () => writer?.close(),
      () => asking.close(),
      () => looking.close(),
    );
  }
}

class Cutover {
  readonly #options: CutoverOptions;
  readonly #looking: MigrationTarget;
  readonly #asking: MigrationTarget;
  readonly #writer: TargetWriter;

  constructor(
    options: CutoverOptions,
    looking: MigrationTarget,
    asking: MigrationTarget,
    writer: TargetWriter,
  ) {
    this.#options = options;
    this.#looking = looking;
    this.#asking = asking;
    this.#writer = writer;
  }

  async ask(request: CutoverRequest): Promise<CutoverReport> {
    const { wait = false, answerMs = DEFAULT_ANSWER_MS } = this.#options;
    await writeRequest(this.#writer, request);
    const isAnswered = await this.#until(answerMs, async () => (await this.#stateOf(request)) !== "asked");
    if (!isAnswered) {
      await this.#asking.remove(REQUEST_PATH);
      throw new OperationError({
        object: this.#asking.location,
        problem: `no copy that follows a source has answered within ${answerMs / 1000} s; the request is taken back`,
        advice: NO_FOLLOW,
      });
    }
    if (!wait) return await this.#report("accepted");
    await this.#until(undefined, async () => (await this.#stateOf(request)) === undefined);
    const isDone = async () => (await lookAt(this.#looking)).outcome === "handed-over";
    if (!(await this.#until(HANDOVER_MS, isDone))) {
      throw new OperationError({
        object: this.#asking.location,
        problem: "the cutover was cancelled, or the copy at work ended before it was done",
        advice:
          "What `tlog-migrate follow` printed says which; the target is an unfinished copy, and nothing starts on it",
      });
    }
    return await this.#report("handed-over");
  }

  async cancel(): Promise<CutoverReport> {
    await this.#asking.remove(REQUEST_PATH);
    await pause(CANCEL_MS, this.#options.signal);
    const { outcome, report } = await lookAt(this.#looking);
    if (outcome !== "handed-over") return { ...report, outcome: "cancelled" };
    throw refused(this.#asking, {
      problem: "is handed over: it was too late to cancel",
      advice: "Before log software is started there, `tlog-migrate abandon` takes the handover back",
    });
  }

  /** Where a request is; undefined once it is away. @throws OperationError if it is refused. */
  async #stateOf({ id }: CutoverRequest): Promise<CutoverRequest["state"] | undefined> {
    const found = await readRequest(this.#writer);
    if (found?.id !== id) return undefined;
    if (found.state !== "refused") return found.state;
    await this.#asking.remove(REQUEST_PATH);
    throw new OperationError({
      object: this.#asking.location,
      problem: `the copy that follows the source refuses the cutover: ${found.reason ?? "it does not say why"}`,
    });
  }

  async #report(outcome: CutoverReport["outcome"]): Promise<CutoverReport> {
    return { ...(await lookAt(this.#looking)).report, outcome };
  }

  /** Whether a condition came true in time. */
  async #until(milliseconds = Number.POSITIVE_INFINITY, isTrue: () => Promise<boolean>): Promise<boolean> {
    const end = performance.now() + milliseconds;
    while (!(await isTrue())) {
      if (performance.now() >= end) return false;
      await pause(POLL_MS, this.#options.signal);
    }
    return true;
  }
}

const NO_FOLLOW =
  "Start `tlog-migrate follow <source> <target>`, which continues the copy, and ask again; or stop the old writer and run " +
  "`tlog-migrate copy <source> <target> --handover`";

const MIRROR = {
  problem: "is a mirror, which goes on until it is stopped, and is never handed over",
  advice:
    "Stop its `tlog-migrate follow --mirror`; `tlog-migrate abandon` then takes its checkpoint away and makes an unfinished " +
    "copy of it, which `tlog-migrate follow` continues until it is handed over",
};

/** What is in a target. @throws TargetRefusedError if it is neither a copy of ours nor handed over. */
async function lookAt(target: MigrationTarget) {
  const contents = await target.inspect();
  await target.externalState?.requireNamed(contents);
  if (contents.kind === "handed-over") {
    const { origin, size } = parseRecord(contents.record, target.recordName);
    const report: CutoverReport = { target: target.location, origin, size, outcome: "handed-over" };
    return { outcome: "handed-over", report } as const;
  }
  if (contents.kind === "claimed") {
    const marker = parseMarker(contents.marker, target.location, claimAdvice(target.markerName));
    if (marker.isMirror === true) throw refused(target, MIRROR);
    const { size } = parseCheckpointText(parseNote(Buffer.from(marker.checkpoint)).text);
    const report: CutoverReport = {
      target: target.location,
      origin: marker.origin,
      size,
      outcome: "accepted",
    };
    return { outcome: "claimed", marker, report } as const;
  }
  throw refused(target, {
    problem: "is not a copy of tlog-migrate: there is nothing to hand over",
    found: contents.kind === "occupied" ? contents.found : contents.kind,
    advice: NO_FOLLOW,
  });
}
