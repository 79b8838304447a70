/** Promise 3: a listing shows what is missing, of a wrong size, or beyond the log. */

import { expect, test } from "vitest";
import { Absences } from "../../../../lib/migrate/target/absences.ts";
import { compareListing, directoriesOfGrowth } from "../../../../lib/migrate/target/listing-check.ts";
import { formatCount } from "../../../../lib/tlog/quantities.ts";
import { type TestLog, testLog } from "../../../support/logs/generated-log.ts";
import { endOf, prunedObjects } from "../../../support/logs/pruned-log.ts";

async function findings(
  log: TestLog,
  objects: ReadonlyMap<string, Uint8Array>,
  absences = new Absences(),
): Promise<string[]> {
  async function* listing() {
    for (const [path, { length }] of objects) yield { path, bytes: length };
  }
  const found: string[] = [];
  const read = async (path: string) => objects.get(path);
  const { format, size } = log;
  const listed = compareListing(listing(), { format, size, read, absences });
  for await (const { path, problem } of listed) found.push(`${path} ${problem}`);
  return found;
}

/** A log with some objects more, or others. */
function withObjects(log: TestLog, objects: Record<string, Uint8Array>): Map<string, Uint8Array> {
  return new Map([...log.objects, ...Object.entries(objects)]);
}

const log = testLog({ size: 65_536 + 700, entrySize: 8 });

test("nothing is found in a whole log of any size and format", async () => {
  for (const size of [0, 1, 255, 256, 257, 700, 65_536, 65_537]) {
    expect(await findings(log.atSize(size), log.atSize(size).objects)).toEqual([]);
  }
  const certificates = testLog({ size: 300, format: "static-ct" });
  expect(await findings(certificates, certificates.objects)).toEqual([]);
});

test("every object is missed that is not there", async () => {
  const small = log.atSize(700);
  for (const whole of [small, log]) {
    const paths = [...whole.objects.keys()].filter((path) => path.startsWith("tile/"));
    for (const path of whole === small ? paths : paths.filter((_, i) => i % 37 === 0)) {
      const objects = new Map(whole.objects);
      objects.delete(path);
      expect(await findings(whole, objects)).toEqual([`${path} is missing`]);
    }
  }
});

test("what a pruned log may lack is no fault, and is counted", async () => {
  const whole = log.atSize(65_536 + 700);
  const paths = [...whole.objects.keys()].filter((path) => path.startsWith("tile/"));
  for (const minIndex of [0, 255, 256, 65_536, 66_047, whole.size]) {
    const isGone = (path: string) => (endOf(path) ?? Infinity) <= minIndex;
    const absences = new Absences(minIndex);
    const nothing = new Map<string, Uint8Array>();
    const expected = paths.filter((path) => !isGone(path)).map((path) => `${path} is missing`);
    expect((await findings(whole, nothing, absences)).sort()).toEqual(expected.sort());
    const { entries, hasGaps } = absences;
    const end = Math.floor(minIndex / 256) * 256;
    expect({ entries, minIndex: absences.minIndex, hasGaps }).toEqual({
      entries: end,
      minIndex: end,
      hasGaps: false,
    });
  }
});

test("of what is missing, gaps behind what exists are seen", async () => {
  for (const [kept, hasGaps] of [
    ["tile/entries/000", true],
    ["tile/entries/005", true],
    ["tile/0/005", false],
  ] as const) {
    const objects = prunedObjects(log, 65_000, (path) => path === kept);
    const absences = new Absences(65_000);
    expect(await findings(log, objects, absences)).toEqual([]);
    expect(absences.hasGaps, kept).toBe(hasGaps);
  }
});

test("what is right below a pruned tile is found, since nothing authenticates it", async () => {
  const [first, second] = ["tile/0/000", "tile/entries/255"];
  const kept = (path: string) => path === first || path === second;
  const orphans = await findings(log, prunedObjects(log, log.size, kept), new Absences(log.size));
  const problem = "cannot be authenticated, since tile/1/000 is pruned";
  expect(orphans).toEqual([`${first} ${problem}`, `${second} ${problem}`]);
  const below = (path: string) => kept(path) || path === "tile/1/000";
  expect(await findings(log, prunedObjects(log, log.size, below), new Absences(log.size))).toEqual([]);
});

test("tiles of a wrong size and bundles too short for their entries are found", async () => {
  for (const path of ["tile/0/000", "tile/1/000", "tile/0/258.p/188", "tile/2/000.p/1"]) {
    const tile = log.object(path);
    for (const bytes of [tile.subarray(1), Buffer.concat([tile, Buffer.of(0)]), Buffer.of()]) {
      expect(await findings(log, withObjects(log, { [path]: bytes }))).toEqual([
        `${path} has ${formatCount(bytes.length)} bytes, not the ${formatCount(tile.length)} of a tile of its width`,
      ]);
    }
  }
  for (const [path, least] of [
    ["tile/entries/000", 512],
    ["tile/entries/258.p/188", 376],
  ] as const) {
    const found = await findings(log, withObjects(log, { [path]: Buffer.alloc(least - 1) }));
    expect(found).toEqual([`${path} has ${formatCount(least - 1)} bytes, too few for its entries`]);
  }
});

test("whatever stands beyond the log is found, whatever is in it", async () => {
  const bundles = ["entries/258", "entries/258.p/189", "entries/259.p/1", "entries/x001/000"];
  const lower = ["0/258", "0/259", "1/001", "1/001.p/3", "1/002.p/1"];
  const upper = ["2/000", "2/000.p/2", "3/000.p/1", "63/000"];
  for (const path of [...bundles, ...lower, ...upper].map((name) => `tile/${name}`)) {
    const found = await findings(log, withObjects(log, { [path]: Buffer.alloc(8_192) }));
    expect(found).toEqual([expect.stringMatching(`${path} is beyond size ${formatCount(log.size)}`)]);
  }
});

test("a bundle of the other format is found, wherever it is, and called what it is", async () => {
  for (const path of ["tile/data/000", "tile/data/258.p/3", "tile/data/999"]) {
    expect(await findings(log, withObjects(log, { [path]: Buffer.alloc(8_192) }))).toEqual([
      `${path} is a bundle of the format static-ct, in a log of the format tiles`,
    ]);
  }
  const ct = testLog({ size: 300, format: "static-ct" });
  expect(await findings(ct, withObjects(ct, { "tile/entries/000": Buffer.alloc(8_192) }))).toEqual([
    "tile/entries/000 is a bundle of the format tiles, in a log of the format static-ct",
  ]);
});

test("a bundle longer than its entries can be is found", async () => {
  for (const [path, format, width] of [
    ["tile/entries/000", "tiles", 256],
    ["tile/entries/258.p/188", "tiles", 188],
    ["tile/data/000", "static-ct", 256],
  ] as const) {
    const most = format === "tiles" ? width * (2 + 65_535) : 2 ** 26;
    async function* listing(bytes: number) {
      yield { path, bytes };
    }
    const problemsOf = async (bytes: number) => {
      const problems: string[] = [];
      const read = async () => undefined;
      for await (const { problem } of compareListing(listing(bytes), { format, size: log.size, read })) {
        if (problem !== "is missing") problems.push(problem);
      }
      return problems;
    };
    expect(await problemsOf(most)).toEqual([]);
    expect(await problemsOf(most + 1)).toEqual([
      `has ${formatCount(most + 1)} bytes, too many for its entries`,
    ]);
  }
});

test("obsolete partials may stay where they are the beginning of the fuller object, and only there", async () => {
  const right = {
    "tile/0/000.p/3": log.object("tile/0/000").subarray(0, 96),
    "tile/0/258.p/5": log.object("tile/0/258.p/188").subarray(0, 160),
    "tile/1/000.p/255": log.object("tile/1/000").subarray(0, 255 * 32),
    "tile/entries/000.p/3": log.object("tile/entries/000").subarray(0, 30),
    "tile/entries/258.p/5": log.object("tile/entries/258.p/188").subarray(0, 50),
  };
  expect(await findings(log, withObjects(log, right))).toEqual([]);
  for (const [path, bytes] of Object.entries(right)) {
    const wrong = Buffer.from(bytes);
    wrong[wrong.length - 1] = (wrong.at(-1) as number) ^ 1;
    expect(await findings(log, withObjects(log, { [path]: wrong }))).toEqual([
      `${path} is an obsolete partial object that is not a prefix of the fuller one`,
    ]);
  }
});

test("an obsolete partial does not stand for the object that replaces it", async () => {
  for (const [partial, fuller] of [
    ["tile/0/000.p/3", "tile/0/000"],
    ["tile/0/258.p/5", "tile/0/258.p/188"],
    ["tile/entries/000.p/3", "tile/entries/000"],
  ] as const) {
    const objects = withObjects(log, { [partial]: log.object(fuller).subarray(0, 96) });
    objects.delete(fuller);
    expect(await findings(log, objects)).toContain(`${fuller} is missing`);
  }
});

test("files that are no part of a log's layout are nobody's business", async () => {
  const others = ["README", "0/000.tmp", "0/0000", "entries/x000/000", "0/001.p/256"];
  const strange = Object.fromEntries(others.map((path) => [`tile/${path}`, Buffer.of(1)]));
  expect(await findings(log, withObjects(log, strange))).toEqual([]);
});

/** What is found in a listing of the directories of growth alone. */
async function findingsSince(
  since: number,
  { format, size }: TestLog,
  objects: ReadonlyMap<string, Uint8Array>,
): Promise<string[]> {
  const directories = directoriesOfGrowth(format, since, size);
  async function* listing() {
    for (const [path, { length }] of objects) {
      if (directories.some((directory) => path.startsWith(`${directory}/`))) yield { path, bytes: length };
    }
  }
  const found: string[] = [];
  const read = async (path: string) => objects.get(path);
  for await (const { path, problem } of compareListing(listing(), { format, size, read, since })) {
    found.push(`${path} ${problem}`);
  }
  return found;
}

test("what has grown since a size is asked for, and nothing else", async () => {
  for (const since of [1, 256, 700, 65_536, 65_536 + 256, log.size]) {
    expect(await findingsSince(since, log, log.objects)).toEqual([]);
    const before = log.atSize(since).objects;
    const grown = [...log.objects.keys()].filter(
      (path) => path.startsWith("tile/") && (path.includes(".p/") || !before.has(path)),
    );
    const found = await findingsSince(since, log, new Map());
    expect(found.toSorted()).toEqual(grown.map((path) => `${path} is missing`).toSorted());
    const beyond = withObjects(log, { "tile/0/258.p/200": new Uint8Array(32 * 200) });
    expect(await findingsSince(since, log, beyond)).toEqual([
      expect.stringMatching(/^tile\/0\/258.p\/200 is beyond size/),
    ]);
  }
});

test("the directories of growth are those of the right edge, and the next of each row", () => {
  expect(directoriesOfGrowth("tiles", 256_000 * 7 + 5, 256_000 * 8 + 5)).toEqual([
    "tile/entries/x007",
    "tile/entries/x008",
    "tile/entries/x009",
    "tile/0/x007",
    "tile/0/x008",
    "tile/0/x009",
    "tile/1",
    "tile/2",
    "tile/3",
  ]);
  expect(directoriesOfGrowth("static-ct", 0, 5)).toEqual(["tile/data", "tile/0", "tile/1"]);
});
