/** The model that finds missing fsyncs must find them: traces by hand, right ones and wrong ones. */

import { describe, expect, test } from "vitest";
import {
  DurabilityModel,
  type DurabilityRule,
  holdAgainst,
  parseTrace,
} from "../../../support/places/fsync-trace.ts";

const ROOT = "/base/log";

/** What must be durable when the seal gets its name. */
const rule: DurabilityRule = {
  name: "seal",
  applies: ({ name, paths }) => name === "rename" && paths[1] === `${ROOT}/seal`,
  losses: (model) => [model.lossOf(`${ROOT}/d/a`)],
};

const SEAL = `rename("${ROOT}/tmp/9", "${ROOT}/seal") = 0`;

/** A file that is written, synced, named, and its names anchored, as it should be. */
const WELL_DONE = [
  `mkdir("${ROOT}", 0755) = 0`,
  `mkdir("${ROOT}/tmp", 0755) = 0`,
  `openat(AT_FDCWD</base>, "${ROOT}/tmp/1", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0644) = 5<${ROOT}/tmp/1>`,
  `write(5<${ROOT}/tmp/1>, ""..., 100) = 100`,
  `fsync(5<${ROOT}/tmp/1>) = 0`,
  `mkdir("${ROOT}/d", 0755) = 0`,
  `rename("${ROOT}/tmp/1", "${ROOT}/d/a") = 0`,
  `fsync(6<${ROOT}/d>) = 0`,
  `fsync(7<${ROOT}>) = 0`,
  `fsync(8</base>) = 0`,
];

function violations(lines: readonly string[], found: readonly string[] = []): readonly string[] {
  const trace = lines.map((line) => (/^\d+ /.test(line) ? line : `100 ${line}`)).join("\n");
  const result = holdAgainst(parseTrace(trace), new DurabilityModel("/base", found), [rule]).get("seal");
  expect(result?.applied).toBe(1);
  return result?.violations ?? [];
}

/** The good trace with a line in another place, or another line in its place. */
function changed(change: (lines: string[]) => void): string[] {
  const lines = [...WELL_DONE, SEAL];
  change(lines);
  return lines;
}

const at = (part: string): number => WELL_DONE.findIndex((line) => line.startsWith(part));
const without = (part: string) => changed((lines) => lines.splice(at(part), 1));

test("a trace in which everything was synced in its order passes", () => {
  expect(violations([...WELL_DONE, SEAL])).toEqual([]);
});

describe("a missing fsync is found", () => {
  test.each([
    ["of the file", `fsync(5<${ROOT}/tmp/1>`, `${ROOT}/d/a was not fsynced`],
    ["of its directory", `fsync(6<${ROOT}/d>`, `${ROOT}/d was not fsynced`],
    ["of the directory above", `fsync(7<${ROOT}>`, `${ROOT} was not fsynced`],
    ["of the directory above the root", "fsync(8</base>", "/base was not fsynced"],
  ])("%s", (_name, call, message) => {
    expect(violations(without(call))).toEqual([expect.stringContaining(message)]);
  });
});

describe("an fsync at the wrong moment is found", () => {
  test("of the file, before its last write", () => {
    const lines = changed((all) =>
      all.splice(at('mkdir("/base/log/d"'), 0, `write(5<${ROOT}/tmp/1>, ""..., 1) = 1`),
    );
    expect(violations(lines)).toEqual([`${ROOT}/d/a was not fsynced after its last change`]);
  });

  test("of the directory, before the name was in it", () => {
    const lines = changed((all) => {
      const [sync = ""] = all.splice(at(`fsync(6<${ROOT}/d>`), 1);
      all.splice(at("rename("), 0, sync);
    });
    expect(violations(lines)).toEqual([`${ROOT}/d was not fsynced after ${ROOT}/d/a came or went`]);
  });

  test("of the directory, begun before the rename had ended", () => {
    const lines = changed((all) => {
      all.splice(at("rename("), 3, `200 rename("${ROOT}/tmp/1", "${ROOT}/d/a" <unfinished ...>`);
      all.push(`201 fsync(6<${ROOT}/d>) = 0`, "200 <... rename resumed>) = 0", SEAL);
      all.splice(all.indexOf(SEAL), 1);
      all.splice(-1, 0, `fsync(7<${ROOT}>) = 0`, "fsync(8</base>) = 0");
    });
    expect(violations(lines)).toEqual([`${ROOT}/d was not fsynced after ${ROOT}/d/a came or went`]);
  });

  test("not ended when the seal appears", () => {
    const lines = changed((all) => {
      all.splice(at(`fsync(6<${ROOT}/d>`), 1, `200 fsync(6<${ROOT}/d> <unfinished ...>`);
      all.push("200 <... fsync resumed>) = 0");
    });
    expect(violations(lines)).toEqual([`${ROOT}/d was not fsynced after ${ROOT}/d/a came or went`]);
  });

  test("after the seal", () => {
    const lines = changed((all) => void all.push(...all.splice(at(`fsync(5<${ROOT}/tmp/1>`), 1)));
    expect(violations(lines)).toEqual([`${ROOT}/d/a was not fsynced after its last change`]);
  });
});

test("an fsync that begins after the change and ends on another line counts", () => {
  const lines = changed((all) => {
    all.splice(at(`fsync(6<${ROOT}/d>`), 1, `200 fsync(6<${ROOT}/d> <unfinished ...>`);
    all.splice(-1, 0, "200 <... fsync resumed>) = 0");
  });
  expect(violations(lines)).toEqual([]);
});

test("a write that is under way when the seal appears is found", () => {
  const lines = changed((all) => {
    all.splice(-1, 0, `200 write(5<${ROOT}/d/a>, ""..., 9 <unfinished ...>`);
    all.push("200 <... write resumed>) = 9");
  });
  expect(violations(lines)).toEqual([`${ROOT}/d/a was not fsynced after its last change`]);
});

test("after a failed fsync a second one proves nothing", () => {
  const lines = changed((all) => {
    all.splice(at(`fsync(5<${ROOT}/tmp/1>`), 0, `fsync(5<${ROOT}/tmp/1>) = -1 EIO (Input/output error)`);
  });
  expect(violations(lines)).toEqual([`${ROOT}/d/a was not fsynced after its last change`]);
});

test("a failed call changes nothing", () => {
  const lines = changed((all) => {
    all.splice(-1, 0, `rename("${ROOT}/tmp/1", "${ROOT}/d/a") = -1 ENOENT (No such file or directory)`);
    all.splice(-1, 0, `unlink("${ROOT}/d/a") = -1 EISDIR (Is a directory)`);
  });
  expect(violations(lines)).toEqual([]);
});

test("a file that is not there, or was taken away, is found", () => {
  expect(violations([SEAL])).toEqual([`${ROOT}/d/a is not there`]);
  const lines = changed((all) => void all.splice(-1, 0, `unlink("${ROOT}/d/a") = 0`));
  expect(violations(lines)).toEqual([`${ROOT}/d/a is not there`]);
});

test("what was found in place counts only once it and every directory above it are synced", () => {
  const found = [ROOT, `${ROOT}/d`, `${ROOT}/d/a`];
  const syncs = [`fsync(5<${ROOT}/d/a>) = 0`, ...WELL_DONE.slice(-3)];
  expect(violations([...syncs, SEAL], found)).toEqual([]);
  for (const left of syncs.keys()) {
    expect(violations([...syncs.toSpliced(left, 1), SEAL], found)).toHaveLength(1);
  }
});

test("a file that was linked is the same file under both names", () => {
  const lines = changed((all) => {
    all.splice(at("rename("), 1, `link("${ROOT}/tmp/1", "${ROOT}/d/a") = 0`);
  });
  expect(violations(lines)).toEqual([]);
  lines.splice(-1, 0, `write(5<${ROOT}/tmp/1>, ""..., 1) = 1`);
  expect(violations(lines)).toEqual([`${ROOT}/d/a was not fsynced after its last change`]);
});

test("a name that was taken away is gone for good only once its directory is synced", () => {
  const gone: DurabilityRule = { ...rule, losses: (model) => [model.lossOfName(`${ROOT}/d/a`)] };
  const lines = [...WELL_DONE, `unlink("${ROOT}/d/a") = 0`, SEAL];
  const hold = (trace: readonly string[]) =>
    holdAgainst(parseTrace(trace.map((line) => `100 ${line}`).join("\n")), new DurabilityModel("/base"), [
      gone,
    ]).get("seal")?.violations;
  expect(hold(lines)).toEqual([`${ROOT}/d was not fsynced after ${ROOT}/d/a came or went`]);
  lines.splice(-1, 0, `fsync(6<${ROOT}/d>) = 0`);
  expect(hold(lines)).toEqual([]);
});
