/** Which part of a copy a run does, as it is told or as batch systems say. */

import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addShardOption, chosenShard } from "../../../../cmd/options/shard.ts";
import { UsageError } from "../../../../lib/index.ts";

function parsed(text: string): unknown {
  const command = addShardOption(new Command().exitOverride().configureOutput({ writeErr: () => {} }));
  return command.parse(["--shard", text], { from: "user" }).opts().shard;
}

describe("--shard", () => {
  it("is a part and a number of parts, or auto", () => {
    expect(parsed("1/8")).toEqual({ index: 1, count: 8 });
    expect(parsed("auto")).toBe("auto");
  });

  it.each(["", "1", "1/", "/8", "1/8/9", "01/8", "-1/8", "1/1e3", "1.5/8", "1234567/1234567", "Auto"])(
    "is not %j",
    (text) => expect(() => parsed(text)).toThrow(/for example 1\/8; or auto/),
  );

  it.each(["0/8", "9/8", "1/0"])("is not %s, of which there is no such part", (text) =>
    expect(() => parsed(text)).toThrow(/Parts are counted from 1/),
  );

  it.each(["handover", "snapshot", "saveCheckpoint", "recheck", "adopt", "dryRun"])(
    "contradicts %s, which is for the whole",
    (name) => {
      const choose = () => chosenShard({ index: 1, count: 2 }, { [name]: true }, {});
      expect(choose).toThrow(UsageError);
      expect(choose).toThrow(/^--[a-z-]+: contradicts --shard/);
      expect(chosenShard(undefined, { [name]: true }, {})).toBeUndefined();
    },
  );
});

describe("--shard auto", () => {
  it.each([
    ["JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"],
    ["CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"],
    ["AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"],
  ])("counts %s from 0", (index, count) => {
    expect(chosenShard("auto", {}, { [index]: "0", [count]: "4" })).toEqual({ index: 1, count: 4 });
    expect(chosenShard("auto", {}, { [index]: "3", [count]: "4" })).toEqual({ index: 4, count: 4 });
    for (const broken of ["", "x", "-1", "4.0", undefined]) {
      expect(() => chosenShard("auto", {}, { [index]: "0", [count]: broken })).toThrow(
        /cannot use what .* says.*JOB|TASK/s,
      );
    }
  });

  it("is nothing outside of a batch system", () => {
    expect(() => chosenShard("auto", {}, {})).toThrow(
      /found no batch system.*JOB_COMPLETION_INDEX.*--shard <i\/n>/s,
    );
  });
});
