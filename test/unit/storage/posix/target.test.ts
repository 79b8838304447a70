import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs, { existsSync, readFileSync, rmSync, symlinkSync, truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { OperationError, TargetRefusedError } from "../../../../lib/errors.ts";
import type { TargetBatch } from "../../../../lib/migrate/ports/target.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { DurableDirectory } from "../../../../storage/posix/durable.ts";
import { formatTreeState, parseTreeState, STATE } from "../../../../storage/posix/state.ts";
import { PosixTarget } from "../../../../storage/posix/target.ts";
import { newHolder } from "../../../../storage/shared/process-identity.ts";
import { abandonTarget } from "../../../support/migration.ts";
import { LATER_MARKER, MARKER, RECORD, STATE as TREE } from "../../../support/places/bucket-targets.ts";
import { memoryDirectory, writeFiles } from "../../../support/places/directory.ts";

describe("the free space of a directory is compared with what a copy needs", () => {
  test.each([
    [
      "space",
      { bytes: 2 ** 52, objects: 1 },
      /too little free space \(expected .* GB, found .* GB\)\. Free some space/,
    ],
    [
      "inodes",
      { bytes: 1, objects: 2 ** 52 },
      /too few inodes \(expected 4,503,599,627,370,496, found [\d,]+\)/,
    ],
  ])("it has too little: %s", async (_name, needed, message) => {
    const refused = new PosixTarget(memoryDirectory()).requireFreeSpace(needed);
    await expect(refused).rejects.toThrow(OperationError);
    await expect(refused).rejects.toThrow(message);
  });

  test("it has enough", async () => {
    await new PosixTarget(memoryDirectory()).requireFreeSpace({ bytes: 1, objects: 1 });
  });
});

test("root is advised to give away what the copy wrote, and nothing that is kept next to it", async () => {
  const root = join(memoryDirectory(), "it's a $(log)");
  const target = new PosixTarget(root);
  await target.claim(MARKER);
  writeFiles(root, Object.entries({ "tile/0/000": "a tile", "issuer/00": "an issuer", "docs/a": "theirs" }));
  const { statSync } = fs;
  vi.spyOn(process, "getuid").mockReturnValue(0);
  vi.spyOn(fs, "statSync").mockImplementation(((path: string, options?: fs.StatSyncOptions) =>
    Object.assign(statSync(path, options) as fs.Stats, { uid: 0 })) as typeof fs.statSync);
  const [warning = ""] = await target.warnings(true);
  const words = /, and give these to it first:\nchown -R USER (.*)$/.exec(warning)?.[1] ?? "";
  const shown = execFileSync("sh", ["-c", `printf '%s\\n' ${words}`], { encoding: "utf8" });
  expect(shown.trim().split("\n")).toEqual([".state", "tile", "issuer"].map((name) => join(root, name)));
});

test("root is advised of nothing for a mirror, on which no log software is to run", async () => {
  const root = memoryDirectory();
  const target = new PosixTarget(root);
  await target.claim(MARKER);
  vi.spyOn(process, "getuid").mockReturnValue(0);
  expect(await target.warnings(false)).toEqual([]);
});

test("a target that is only to be given up may have anything next to it", async () => {
  const directory = memoryDirectory();
  writeFiles(directory, [["notes.txt", "mine"]]);
  const abandonment = abandonTarget(directory);
  await expect(abandonment).rejects.toThrow(/has neither a claim nor a handover of tlog-migrate/);
  await expect(abandonment).rejects.not.toThrow("--into-existing");
});

test("a file that is removed while its directory is listed is not there", async () => {
  const root = memoryDirectory();
  const paths = ["tile/0/000", "tile/0/001", "tile/0/002"];
  for (const path of paths) writeFiles(root, [[path, "bytes"]]);
  const listed: string[] = [];
  for await (const { path, bytes } of new PosixTarget(root).list("tile")) {
    expect(bytes).toBe(5);
    listed.push(path);
    for (const other of paths) if (!listed.includes(other)) rmSync(join(root, other), { force: true });
  }
  expect(listed).toHaveLength(1);
});

const ROOT = createHash("sha256").digest("base64");

/** A claimed target, its directory, and the text of a file in that. */
async function claimed() {
  const root = memoryDirectory();
  const target = new PosixTarget(root);
  await target.claim(MARKER);
  return { root, target, text: (path: string) => readFileSync(join(root, path), "utf8") };
}

type Method = (path: string, bytes: Uint8Array) => Promise<unknown>;

/** Has this done before each call of a method of directories, with the path that the call is about. */
function beforeCalls(name: "create" | "replace" | "syncFile", work: (path: string) => unknown): void {
  const methods = DurableDirectory.prototype as unknown as Record<typeof name, Method>;
  const original = methods[name];
  vi.spyOn(methods, name).mockImplementation(async function (this: unknown, path, bytes) {
    await work(path);
    return await original.call(this, path, bytes);
  });
}

describe("what is found is synced, with the names that lead to it", () => {
  /** What is synced from now on, in order. */
  function syncs(): string[] {
    const synced: string[] = [];
    beforeCalls("syncFile", (path) => synced.push(path));
    return synced;
  }

  test("a claim, before the lock is taken", async () => {
    const { root } = await claimed();
    const target = new PosixTarget(root);
    const synced = syncs();
    const lock = await target.lock();
    const files = [STATE.version, STATE.directory].map((path) => join(root, path));
    const above: string[] = [];
    for (let at = root; at !== dirname(at); at = dirname(at)) above.push(dirname(at));
    expect(synced.slice(0, 3 + above.length)).toEqual([...files, root, ...above]);
    await lock.release();
  });

  test.each([
    ["EACCES", true],
    ["EINVAL", true],
    ["EIO", false],
  ])("a claim, below a directory that cannot be synced for %s: %s", async (code, isLocked) => {
    const { root, target } = await claimed();
    beforeCalls("syncFile", (path) => {
      if (path === dirname(root)) throw Object.assign(new Error(code), { code });
    });
    const lock = target.lock();
    if (isLocked) await (await lock).release();
    else await expect(lock).rejects.toThrow(OperationError);
  });

  test("a tree state, before the record; and a handover, before it is confirmed", async () => {
    const { root } = await claimed();
    const failing = vi.spyOn(DurableDirectory.prototype, "replace");
    failing.mockResolvedValueOnce(undefined).mockRejectedValueOnce(new Error("killed"));
    await expect(new PosixTarget(root).handOver(MARKER, TREE, RECORD)).rejects.toThrow("killed");
    failing.mockRestore();
    const synced = syncs();
    await new PosixTarget(root).handOver(MARKER, TREE, RECORD);
    expect(synced).toContain(join(root, STATE.tree));
    synced.length = 0;
    await new PosixTarget(root).confirmHandOver();
    const files = [STATE.version, STATE.tree, STATE.record, STATE.directory];
    expect(synced).toEqual(expect.arrayContaining([...files.map((file) => join(root, file)), root]));
  });
});

test("a claim that another changes during the handover stays what it is", async () => {
  const { root, target } = await claimed();
  beforeCalls("create", () => new PosixTarget(root).replaceMarker(MARKER, LATER_MARKER));
  await expect(target.handOver(MARKER, TREE, RECORD)).rejects.toThrow(TargetRefusedError);
  expect(await target.inspect()).toEqual({ kind: "claimed", marker: LATER_MARKER });
});

test.each<[string, Record<string, string>]>([
  ["with another version", { [STATE.version]: "2", [STATE.tree]: "{}" }],
  ["without a version", { [STATE.tree]: "{}" }],
  ["without a tree state", { [STATE.version]: "1" }],
])("a record %s is of no handover", async (_what, files) => {
  const root = memoryDirectory();
  writeFiles(root, Object.entries({ ...files, [STATE.record]: RECORD }));
  expect(await new PosixTarget(root).inspect()).toMatchObject({ kind: "occupied" });
});

test("a checkpoint counts even as a link that leads nowhere", async () => {
  const root = memoryDirectory();
  symlinkSync("/nowhere/at/all", join(root, "checkpoint"));
  expect(await new PosixTarget(root).inspect()).toEqual({ kind: "occupied", found: "a checkpoint" });
});

test("a directory inside a log is found to be so through links, there or not yet", async () => {
  const [log, root] = [memoryDirectory(), memoryDirectory()];
  writeFiles(log, Object.entries({ checkpoint: "a log's", "tile/0/000": "hashes", "below/file": "" }));
  symlinkSync(join(log, "below"), join(root, "link"));
  for (const path of ["link", "link/new"]) {
    const found = `a directory inside the log ${log}`;
    expect(await new PosixTarget(join(root, path)).inspect()).toEqual({ kind: "occupied", found });
  }
});

test.each([
  "",
  "null",
  "[]",
  "{}",
  `{"size":"1","root":"${ROOT}"}`,
  `{"size":-1,"root":"${ROOT}"}`,
  `{"size":1.5,"root":"${ROOT}"}`,
  `{"size":9007199254740992,"root":"${ROOT}"}`,
  `{"size":1,"root":"${ROOT.slice(4)}"}`,
  '{"size":1,"root":1}',
  '{"size":1}',
])("is no tree state: %s", (text) => {
  expect(() => parseTreeState(text)).toThrow(FormatError);
});

test("a link or a pipe is no object, wherever it leads, and nothing hangs on it", async () => {
  const root = memoryDirectory();
  writeFiles(root, [["tile/0/000", "bytes"]]);
  symlinkSync("000", join(root, "tile/0/001"));
  execFileSync("mkfifo", [join(root, "tile/0/002")]);
  const writer = new PosixTarget(root).openWriter();
  for (const path of ["tile/0/001", "tile/0/002"]) expect(await writer.read(path, 5)).toHaveLength(0);
});

test("an object of any size is read no further than to see that it is too large", async () => {
  const root = memoryDirectory();
  writeFiles(root, [["tile/0/000", "bytes"]]);
  truncateSync(join(root, "tile/0/000"), 2 ** 40);
  const writer = new PosixTarget(root).openWriter();
  expect(await writer.read("tile/0/000", 5)).toHaveLength(6);
});

describe("a tree state that is another", () => {
  const other = formatTreeState({ ...TREE, rootHash: createHash("sha256").update("other").digest() });
  test.each([
    ["in its size", formatTreeState({ ...TREE, size: 299 })],
    ["in its root", other],
    ["in its form", Buffer.from("{}")],
  ])("%s is left, with all that is beside it", async (_what, theirs) => {
    const { root, target, text } = await claimed();
    writeFiles(root, Object.entries({ [STATE.tree]: theirs, [STATE.collection]: "theirs" }));
    await expect(target.handOver(MARKER, TREE, RECORD)).rejects.toThrow(TargetRefusedError);
    expect([text(STATE.tree), text(STATE.collection)]).toEqual([Buffer.from(theirs).toString(), "theirs"]);
    expect(existsSync(join(root, STATE.record))).toBe(false);
  });

  test("and appears during the handover is left, and vouched for by no record", async () => {
    const { root, target, text } = await claimed();
    beforeCalls("replace", () => writeFiles(root, [[STATE.tree, other]]));
    await expect(target.handOver(MARKER, TREE, RECORD)).rejects.toThrow(TargetRefusedError);
    expect(text(STATE.tree)).toBe(Buffer.from(other).toString());
    expect(existsSync(join(root, STATE.record))).toBe(false);
  });
});

test("a handover leaves nothing of a copy that runs no more, and its confirmation neither", async () => {
  const { root, target } = await claimed();
  const leave = () => writeFiles(root, [[`${STATE.temporaries}/1-1-1/x-0`, "a half"]]);
  const found = () => [STATE.temporaries, STATE.lock].filter((name) => existsSync(join(root, name)));
  leave();
  await target.handOver(MARKER, TREE, RECORD);
  expect(found()).toEqual([]);
  leave();
  const lock = await target.lock();
  await target.confirmHandOver();
  expect(found()).toEqual([STATE.lock]);
  await lock.release();
  writeFiles(root, [[STATE.lock, JSON.stringify({ ...newHolder(), startTime: "1" })]]);
  await target.confirmHandOver();
  expect(found()).toEqual([]);
});

test("a handover is one, whatever another copy stages while its temporary files are removed", async () => {
  const { root, target, text } = await claimed();
  const staged = join(root, STATE.temporaries, "another", "file");
  const { rmSync } = fs;
  const removal = vi.spyOn(fs, "rmSync").mockImplementation((path, options) => {
    rmSync(path, options);
    if (path !== join(root, STATE.temporaries)) return;
    writeFiles(root, [[`${STATE.temporaries}/another/file`, "staged"]]);
    throw Object.assign(new Error("ENOTEMPTY: directory not empty"), { code: "ENOTEMPTY" });
  });
  await target.handOver(MARKER, TREE, RECORD);
  await target.confirmHandOver();
  expect([text(STATE.version), existsSync(staged)]).toEqual(["1", true]);
  expect(await target.warnings(true)).toContainEqual(expect.stringContaining("could not be removed"));
  removal.mockRestore();
  await new PosixTarget(root).confirmHandOver();
  expect(existsSync(staged)).toBe(false);
});

describe("a copy whose temporary files were removed with a handover learns of the handover", () => {
  test.each<[string, (target: PosixTarget, batch: TargetBatch) => Promise<unknown>]>([
    ["by its next batch", (_target, batch) => batch.commit()],
    ["by its own handover", (target) => target.handOver(MARKER, TREE, RECORD)],
    ["by raising its aim", (target) => target.replaceMarker(MARKER, LATER_MARKER)],
  ])("%s", async (_how, write) => {
    const { root, target, text } = await claimed();
    const batch = target.openWriter().batch();
    await batch.put("tile/0/000", Buffer.from("bytes"));
    const { renameSync } = fs;
    // After it has looked at the claim, and before it names anything.
    vi.spyOn(fs, "renameSync").mockImplementationOnce((from, to) => {
      writeFiles(root, [[STATE.version, "1"]]);
      rmSync(join(root, STATE.temporaries), { recursive: true });
      renameSync(from, to);
    });
    await expect(write(target, batch)).rejects.toThrow(TargetRefusedError);
    expect([text(STATE.version), existsSync(join(root, "tile/0/000"))]).toEqual(["1", false]);
  });
});
