import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { newPlaces, type Place, requireSpace, SkipError } from "../../../../bench/run/places.ts";
import { temporaryDirectory } from "../../../support/places/directory.ts";

test("the directories of a run are removed when it ends, with all that is in them", async () => {
  const parent = temporaryDirectory();
  {
    await using made = newPlaces([parent, parent]);
    for (const { directory } of made.places) writeFileSync(join(directory, "copy"), "");
    expect(readdirSync(parent)).toHaveLength(2);
  }
  expect(readdirSync(parent)).toEqual([]);
});

test.each(["SIGKILL", "SIGTERM"] as const)("they are removed when the run is ended by %s", async (signal) => {
  const parent = temporaryDirectory();
  const module = join(import.meta.dirname, "../../../../bench/run/places.ts");
  const program = `
    const { newPlaces } = await import(${JSON.stringify(module)});
    console.log(newPlaces([${JSON.stringify(parent)}]).places.length);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program]);
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  expect(readdirSync(parent)).toHaveLength(1);
  child.kill(signal);
  while (readdirSync(parent).length > 0) await sleep(10);
});

test("too little space is said in numbers, with the option that names another place", async () => {
  await using made = newPlaces([temporaryDirectory()]);
  const [place] = made.places as [Place];
  expect(() => requireSpace(place, 1, "--disk")).not.toThrow();
  expect(() => requireSpace(place, 1e15, "--disk")).toThrow(SkipError);
  expect(() => requireSpace(place, 1e15, "--disk")).toThrow(/1000000\.0 GB .* --disk/);
});
