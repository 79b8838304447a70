import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { compare, fastest, type Setting } from "../../../../bench/run/compare.ts";
import type { Contender, Entrant } from "../../../../bench/run/contender.ts";
import { missingRow } from "../../../support/bench-report.ts";
import { temporaryDirectory } from "../../../support/places/directory.ts";

const FILES = { checkpoint: "signed", "tile/0/000": "hashes", "tile/data/000": gzipSync("entries") };

function newSetting(rounds = 1): { setting: Setting; progress: string[] } {
  const progress: string[] = [];
  const into = { directory: temporaryDirectory(), fileSystem: "tmpfs" };
  return { setting: { name: "copies", into, rounds, say: (line) => progress.push(line) }, progress };
}

/** A program that copies a small log by a script in which $LOG and $TARGET are its directories. */
function copier(id: string, script: string, changes: Partial<Contender> = {}): Entrant {
  const directory = temporaryDirectory();
  for (const [path, bytes] of Object.entries(FILES)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), bytes);
  }
  const files = { directory, paths: Object.keys(FILES), pathList: "", made: "made" };
  const log = { ...files, format: "static-ct", size: 1, vkey: "", bytes: 20 } as const;
  return {
    id,
    label: id,
    leaves: "all",
    command: ({ log: { directory: LOG }, target: TARGET }) => ({
      file: "sh",
      args: ["-c", script],
      env: { LOG, TARGET },
    }),
    ...changes,
    source: { log, url: "", servers: [] },
  };
}

const COPY = 'cp -r "$LOG" "$TARGET"';
const UNZIP = `${COPY} && printf entries > "$TARGET/tile/data/000"`;

describe("copies are checked", () => {
  it.each([
    [
      "has other bytes",
      `${COPY} && printf forged > "$TARGET/tile/0/000"`,
      "the copy of tile/0/000 has other bytes",
    ],
    ["lacks an object", `${COPY} && rm "$TARGET/checkpoint"`, "the copy has no checkpoint"],
    ["is still compressed", COPY, "the copy of tile/data/000 has other bytes", { decompresses: true }],
    ["failed", "echo no such log >&2; exit 3", "sh ended with exit code 3: no such log"],
    [
      "says that it is wrong",
      UNZIP,
      "wrong",
      { checkOutput: () => expect.fail("wrong"), decompresses: true },
    ],
  ])(
    "one that %s is a row that failed, with its reason",
    async (_, script, reason, changes: Partial<Contender> = {}) => {
      const { setting } = newSetting();
      const rows = await compare(setting, [copier("bad", script, changes), copier("good", COPY)]);
      expect(rows).toMatchObject([
        { state: "failed", id: "bad", reason },
        { state: "measured", id: "good" },
      ]);
      expect(readdirSync(setting.into.directory)).toEqual([]);
    },
  );

  it("one that decompresses, and one that copies tiles alone, are right", async () => {
    const unzips = copier("unzips", UNZIP, { decompresses: true });
    const tiles = copier("tiles", 'mkdir "$TARGET" && cp -r "$LOG/tile" "$TARGET"', { leaves: "tiles" });
    const rows = await compare(newSetting().setting, [unzips, tiles]);
    expect(rows.map(({ state }) => state)).toEqual(["measured", "measured"]);
  });
});

it("memory is used before a copy that is stored alone: a log whose copy is discarded may be larger", async () => {
  const { setting } = newSetting();
  // In the way of the file that uses it.
  mkdirSync(join(setting.into.directory, "touched"));
  const { leaves: _, ...discards } = copier("discards", "true");
  const rows = await compare(setting, [discards, copier("stores", COPY)]);
  expect(rows.map(({ state }) => state)).toEqual(["measured", "failed"]);
});

describe("rounds", () => {
  it("are interleaved, and everyone comes first once", async () => {
    const { setting, progress } = newSetting(3);
    const rows = await compare(setting, [
      copier("a", COPY),
      copier("b", COPY),
      copier("c", COPY, { rounds: 1 }),
    ]);
    const order = progress.map((line) => /round (\d).*: (\w):/.exec(line)?.slice(1).join(""));
    expect(order).toEqual(["1a", "1b", "1c", "2b", "2a", "3a", "3b"]);
    const counts = rows.map((row) => (row.state === "measured" ? row.runs.length : 0));
    expect(counts).toEqual([3, 3, 1]);
  });

  it("start each from a clean state: what a run is to be made in is opened and closed around it", async () => {
    const events: string[] = [];
    const place = {
      pids: [],
      objectsDirectory: undefined,
      open: async () => void events.push("open"),
      close: async () => void events.push("close"),
    };
    await compare(newSetting(2).setting, [copier("a", COPY, { place })]);
    expect(events).toEqual(["open", "close", "open", "close"]);
  });

  it("are checked where their objects are files, if what they are made in has any", async () => {
    const { setting } = newSetting();
    const directory = temporaryDirectory();
    const place = { pids: [], objectsDirectory: directory, open: async () => {}, close: async () => {} };
    const rows = await compare(setting, [copier("empty", "true", { place })]);
    expect(rows).toMatchObject([{ state: "failed", reason: expect.stringContaining("the copy has no") }]);
    const unseen = { ...place, objectsDirectory: undefined };
    expect(await compare(setting, [copier("a", "true", { place: unseen })])).toMatchObject([
      { state: "measured" },
    ]);
  });

  it("pass over one that has failed, and one that is missing", async () => {
    const missing = missingRow("skipped", "gone", "it is not installed");
    const { setting, progress } = newSetting(2);
    const rows = await compare(setting, [copier("bad", "exit 1"), missing]);
    expect(rows).toMatchObject([{ state: "failed", id: "bad" }, missing]);
    expect(progress).toHaveLength(1);
  });
});

describe("of several settings", () => {
  it("the fastest that works is taken, and what was tried is noted", async () => {
    const slow = copier("slow", `sleep 0.3; ${COPY}`);
    const quick = copier("quick", COPY);
    const best = await fastest(newSetting().setting, [slow, copier("bad", "exit 1"), quick]);
    expect(best).toMatchObject({ id: "quick", tries: [{ label: "slow" }, { label: "quick" }] });
  });

  it("the only one is not tried", async () => {
    const { setting, progress } = newSetting();
    expect(await fastest(setting, [copier("only", COPY)])).toMatchObject({ id: "only" });
    expect(progress).toEqual([]);
  });
});
