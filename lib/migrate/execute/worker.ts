/** A worker thread: opens its own source and writer, and works on the units that it is sent. */

import { parentPort, workerData } from "node:worker_threads";
import { Counters } from "../counters.ts";
import { type AskForIssuer, IssuerBook } from "../issuers/cache.ts";
import { openTarget, type TargetSpec } from "../places.ts";
import { ByteBudget } from "../read/byte-budget.ts";
import { openReadContext, type ReadContext, type ReadSpec } from "../read/context.ts";
import { BundleCopier, type TileOrigin } from "../unit/bundle-copier.ts";
import { BundleVerifier } from "../unit/bundle-verifier.ts";
import { UncoveredParts } from "../unit/extra-data.ts";
import { type FromWorker, type ToWorker, toWire } from "./messages.ts";
import { Questions } from "./questions.ts";

/** What a worker is to do with its units: copy them into a target, or verify them where they are. */
export type WorkerTask =
  | {
      readonly kind: "copy";
      readonly target: TargetSpec;
      readonly tiles: TileOrigin;
      readonly resume: boolean;
      /** Of Static CT: entries may name issuers that cannot be had. */
      readonly allowMissingIssuers: boolean;
      /** Of Static CT: hold against rules of its own what no leaf hash covers. */
      readonly deep: boolean;
    }
  | { readonly kind: "verify"; readonly deep: boolean };

/** Everything that a worker is told when it starts. */
export interface WorkerSpec extends ReadSpec {
  readonly task: WorkerTask;
  /** Bytes in flight in this worker. */
  readonly budgetBytes: number;
  readonly counters: SharedArrayBuffer;
}

interface Work {
  readonly work: (unit: never) => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

async function workOf(spec: WorkerSpec, context: ReadContext, ask: AskForIssuer): Promise<Work> {
  const { task, concurrency } = spec;
  const budget = new ByteBudget(spec.budgetBytes);
  const uncovered = uncoveredParts(spec, context, ask);
  if (task.kind === "verify") {
    const verifier = new BundleVerifier({ context, budget, concurrency, uncovered });
    return { work: (unit) => verifier.verify(unit), close: async () => {} };
  }
  const target = await openTarget(task.target, { connections: concurrency, signal: context.signal });
  const writer = target.openWriter(context.signal);
  const copier = new BundleCopier({ ...task, context, writer, budget, concurrency, uncovered });
  return { work: (unit) => copier.copy(unit), close: () => Promise.all([writer.close(), target.close()]) };
}

function uncoveredParts(
  { format, task }: WorkerSpec,
  { counters, retry }: ReadContext,
  ask: AskForIssuer,
): UncoveredParts | undefined {
  if (format !== "static-ct") return undefined;
  // A verification tells of every issuer that is missing, and goes on.
  const allowMissing = task.kind === "verify" || task.allowMissingIssuers;
  const book = new IssuerBook(ask, { allowMissing, readsAgain: retry.contentAttempts > 0 });
  return new UncoveredParts(book, task.deep ? counters : undefined);
}

if (parentPort !== null) {
  const port = parentPort;
  const spec: WorkerSpec = workerData;
  const stop = new AbortController();
  const questions = new Questions((id, question) =>
    port.postMessage({ kind: "question", id, question } satisfies FromWorker<never>),
  );
  const opened = open();
  // Each unit reports its failure; without a unit it is nobody's.
  opened.catch(() => {});
  const underWay = new Set<Promise<void>>();

  async function open(): Promise<Work> {
    const context = await openReadContext(spec, new Counters(spec.counters), stop.signal);
    const { work, close } = await workOf(spec, context, (question) => questions.ask(question));
    return { work, close: () => Promise.all([context.source.close(), close()]) };
  }

  const answer = async (id: number, unit: never): Promise<void> => {
    let message: FromWorker<unknown>;
    try {
      message = { kind: "done", id, result: await (await opened).work(unit) };
    } catch (error) {
      message = { kind: "failed", id, failure: toWire(error) };
    }
    port.postMessage(message);
  };

  port.on("message", (message: ToWorker<never>) => {
    if (message.kind === "unit") {
      const answering = answer(message.id, message.unit).finally(() => underWay.delete(answering));
      underWay.add(answering);
      return;
    }
    if (message.kind === "answer") {
      questions.answered(message.id, message.answer);
      return;
    }
    const reason = new Error("the migration stops");
    stop.abort(reason);
    questions.end(reason);
    port.close();
    void Promise.all(underWay).then(async () => await (await opened).close());
  });
}
