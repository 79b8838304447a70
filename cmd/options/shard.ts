/** Which part of a copy a run does: the one that is named, or the one that a batch system gives its task. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { type Shard, UsageError } from "../../lib/index.ts";

/** The variables by which a batch system gives a task its index, from 0, and the number of tasks. */
const BATCH_SYSTEMS: readonly (readonly [system: string, index: string, count: string])[] = [
  // Kubernetes sets the index alone: deploy/kubernetes sets the other.
  ["Kubernetes", "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"],
  ["Cloud Run", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"],
  ["AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"],
];

const WHOLE = /^(0|[1-9][0-9]{0,5})$/;

/** What contradicts a part: it is for the copy that follows all of them. */
const FOR_THE_WHOLE = [
  "handover",
  "snapshot",
  "saveCheckpoint",
  "recheck",
  "adopt",
  "dryRun",
  "queue",
] as const;

export type WholeOptions = {
  readonly [name in (typeof FOR_THE_WHOLE)[number]]?: boolean | string | undefined;
};

export function addShardOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--shard <i/n|auto>",
      "copy the i-th of n parts, while others copy the rest; auto: as Kubernetes, Cloud Run or AWS Batch says",
    ).argParser(shardText),
  );
}

function shardText(text: string): Shard | "auto" {
  if (text === "auto") return text;
  const [, index = "", count = ""] = /^([^/]*)\/([^/]*)$/.exec(text) ?? [];
  if (!WHOLE.test(index) || !WHOLE.test(count)) {
    throw new InvalidArgumentError("Give a part and the number of parts, for example 1/8; or auto.");
  }
  const shard = { index: Number(index), count: Number(count) };
  if (shard.index >= 1 && shard.index <= shard.count) return shard;
  throw new InvalidArgumentError(`Parts are counted from 1: give one of 1/${count} to ${count}/${count}.`);
}

/**
 * The part that a run copies, undefined if it copies all.
 * @throws UsageError if no batch system says it, or the run is asked for more than a part has.
 */
export function chosenShard(
  shard: Shard | "auto" | undefined,
  options: WholeOptions,
  environment: NodeJS.ProcessEnv = process.env,
): Shard | undefined {
  if (shard === undefined) return undefined;
  const extra = FOR_THE_WHOLE.find((name) => options[name] !== undefined && options[name] !== false);
  if (extra !== undefined) {
    const flag = `--${extra.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new UsageError({
      object: flag,
      problem: "contradicts --shard: it is for the copy of the whole",
      advice: "When all parts have ended, run the command without --shard, and with this option",
    });
  }
  return shard === "auto" ? shardOfTask(environment) : shard;
}

function shardOfTask(environment: NodeJS.ProcessEnv): Shard {
  const found = BATCH_SYSTEMS.find(([, index]) => environment[index] !== undefined);
  const names = BATCH_SYSTEMS.map(([system, index, count]) => `${index} and ${count} (${system})`).join(", ");
  if (found === undefined) {
    throw new UsageError({
      object: "--shard auto",
      problem: "found no batch system that says which part this is",
      expected: names,
      advice: "Pass --shard <i/n>",
    });
  }
  const [system, indexName, countName] = found;
  const [index = "", count = ""] = [environment[indexName], environment[countName]];
  if (!WHOLE.test(index) || !WHOLE.test(count)) {
    throw new UsageError({
      object: "--shard auto",
      problem: `cannot use what ${system} says`,
      expected: `whole numbers in ${indexName} and ${countName}`,
      found: `${JSON.stringify(index)} and ${JSON.stringify(count)}`,
      advice: `Set both, or pass --shard <i/n>`,
    });
  }
  return { index: Number(index) + 1, count: Number(count) };
}
