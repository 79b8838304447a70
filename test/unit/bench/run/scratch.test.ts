import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { newPlace, removeLeftovers } from "../../../../bench/run/scratch.ts";
import { temporaryDirectory } from "../../../support/places/temp.ts";

test("what a dead process left is removed and told; what is a live one's, or anyone's, stays", () => {
  const parent = temporaryDirectory();
  const live = basename(newPlace(parent).directory);
  const { pid } = spawnSync("true");
  const dead = live.replace(`-${process.pid}-`, `-${pid}-`);
  const others = [
    "tlog-migrate-bench-AbCdEf",
    dead.replace(/[0-9a-f]{8}/, "00000000"),
    dead.replace("bench", "demo"),
  ];
  for (const name of [dead, ...others]) mkdirSync(join(parent, name));
  writeFileSync(join(parent, dead, "copy"), "");
  const told: string[] = [];
  removeLeftovers([parent, `${parent}/.`, join(parent, "none")], (line) => told.push(line));
  expect(readdirSync(parent).toSorted()).toEqual([live, ...others].toSorted());
  expect(told).toEqual([expect.stringContaining(`${dead}: process ${pid}`)]);
});
