/** An archive of zips as a source: each object is found in the zip that has it. */

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { ByteBudget } from "../../../../lib/migrate/read/byte-budget.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { bundleDirectory, tilePath } from "../../../../lib/tlog/layout.ts";
import { ArchiveSource } from "../../../../storage/archive/source.ts";
import { ArchiveZip } from "../../../../storage/archive/zip.ts";
import { Lender } from "../../../support/http/lender.ts";
import { ANY, turns } from "../../../support/http/reads.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { writeArchive, writeMembers } from "../../../support/places/archive.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";
import type { ZipMemberSpec } from "../../../support/places/zip.ts";

/** Entries below one of the zips of these tests. */
const SPAN = 65_536;

/** A source of an archive with these members, zip by zip. Undefined: there is no such zip. */
function archiveOf(
  zips: readonly (readonly ZipMemberSpec[] | undefined)[],
  span = SPAN,
): { source: ArchiveSource; directory: string } {
  const directory = memoryDirectory();
  for (const [zip, members] of zips.entries()) if (members) writeMembers(directory, zip, members);
  return { source: sourceOf(directory, span), directory };
}

function sourceOf(directory: string, span = SPAN): ArchiveSource {
  const source = new ArchiveSource(directory, span);
  onTestFinished(() => source.close());
  return source;
}

function member(name: string, text: string, deflated = false): ZipMemberSpec {
  return { name, bytes: Buffer.from(text), deflated };
}

async function text(source: ArchiveSource, path: string): Promise<string | undefined> {
  const bytes = await source.read(path, ANY);
  return bytes && Buffer.from(bytes).toString();
}

function checkpoint(size: number, signature = "one"): ZipMemberSpec {
  return member("checkpoint", `log.example\n${size}\nroot\n\n— log.example ${signature}\n`);
}

test.each([
  { format: "tiles", span: SPAN, size: 2 * SPAN + 3 * 256 + 17, entrySize: 30 },
  { format: "static-ct", span: 256, size: 2 * 256 + 17 },
] as const)("every object of a log over several zips is read as it was: $format", async (options) => {
  const { span } = options;
  const log = testLog(options);
  const directory = memoryDirectory();
  writeArchive(directory, log, span);
  expect(fs.readdirSync(directory).sort()).toEqual(["000.zip", "001.zip", "002.zip"]);
  const source = sourceOf(directory, span);
  const differing: string[] = [];
  for (const [path, bytes] of log.objects) {
    const found = await source.read(path, { maxBytes: 1 << 26 });
    if (found === undefined || !bytes.equals(found)) differing.push(path);
  }
  expect(differing).toEqual([]);
  expect(await source.read(`${bundleDirectory(log.format)}/x001/000`, ANY)).toBeUndefined();
});

test("a zip of the format's own span has what is below its level-2 tile", async () => {
  const bundle = 65_536;
  const { source } = archiveOf(
    [
      [checkpoint(1), member(tilePath({ level: 3, index: 0, width: 2 }), "above")],
      [
        checkpoint(1),
        member(tilePath({ level: 2, index: 1, width: 256 }), "level 2"),
        member(tilePath({ level: 1, index: bundle / 256 + 255, width: 256 }), "level 1"),
        member(tilePath({ level: 0, index: 2 * bundle - 1, width: 256 }), "level 0"),
        member("tile/data/x131/071", "data", true),
      ],
      [member("tile/data/x131/072.p/5", "partial", true)],
    ],
    256 ** 3,
  );
  expect(await text(source, "tile/2/001")).toBe("level 2");
  expect(await text(source, "tile/1/511")).toBe("level 1");
  expect(await text(source, "tile/0/x131/071")).toBe("level 0");
  expect(await text(source, "tile/data/x131/071")).toBe("data");
  expect(await text(source, "tile/data/x131/072.p/5")).toBe("partial");
  expect(await text(source, "tile/3/000.p/2")).toBe("above");
});

test("a partial bundle is another object than the full one", async () => {
  const { source } = archiveOf([
    [
      member("tile/data/000.p/5", "five"),
      member("tile/data/000.p/6", "six"),
      member("tile/data/000", "full"),
    ],
  ]);
  expect(await text(source, "tile/data/000.p/5")).toBe("five");
  expect(await text(source, "tile/data/000.p/6")).toBe("six");
  expect(await text(source, "tile/data/000")).toBe("full");
  expect(await text(source, "tile/data/000.p/7")).toBeUndefined();
});

test("a signal ends a read before the next zip is looked into for the checkpoint", async () => {
  const { source } = archiveOf([[checkpoint(1)], [checkpoint(1)], [checkpoint(1)]]);
  const controller = new AbortController();
  let zips = 0;
  const reservation = {
    atLeast: () => {
      zips++;
      controller.abort("enough");
      return undefined;
    },
  };
  const read = source.read("checkpoint", { ...ANY, reservation, signal: controller.signal });
  await expect(read).rejects.toBe("enough");
  expect(zips).toBe(1);
});

test("a signal ends a read that has every zip opened, and no other", async () => {
  const { source } = archiveOf([[checkpoint(1)], [checkpoint(1), member("issuer/aa", "an issuer")]]);
  const opening = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const open = ArchiveZip.open;
  vi.spyOn(ArchiveZip, "open").mockImplementation(async (path, number, span) => {
    if (number === 1) {
      opening.resolve();
      await held.promise;
    }
    return await open(path, number, span);
  });
  const controller = new AbortController();
  const ended = source.read("issuer/aa", { ...ANY, signal: controller.signal });
  await opening.promise;
  const other = text(source, "issuer/aa");
  controller.abort("enough");
  await expect(ended).rejects.toBe("enough");
  held.resolve();
  expect(await other).toBe("an issuer");
});

test("an object is located in its zip", () => {
  const source = new ArchiveSource("/archive");
  expect(source.location).toBe("archive+file:///archive");
  expect(source.locate("tile/data/x197/000")).toBe("/archive/003.zip: tile/data/x197/000");
  expect(source.locate("tile/2/017")).toBe("/archive/017.zip: tile/2/017");
  expect(source.locate("tile/3/000")).toBe("/archive/*.zip: tile/3/000");
  expect(source.locate("checkpoint")).toBe("/archive/*.zip: checkpoint");
});

test("below a zip that is missing everything is missing, and its location says why", async () => {
  const { source, directory } = archiveOf([[checkpoint(1)], undefined, [checkpoint(1)]]);
  expect(await source.read("tile/data/256", ANY)).toBeUndefined();
  expect(source.locate("tile/data/256")).toBe(
    `${join(directory, "001.zip")}, which does not exist: tile/data/256`,
  );
  writeMembers(directory, 1, [member("tile/data/256", "late")]);
  expect(await text(source, "tile/data/256")).toBe("late");
  expect(source.locate("tile/data/256")).toBe(`${join(directory, "001.zip")}: tile/data/256`);
});

test("a directory that is missing, or has no zips, has nothing", async () => {
  const { source, directory } = archiveOf([]);
  for (const path of ["checkpoint", "tile/data/000", "tile/3/000", "issuer/00"]) {
    expect(await source.read(path, ANY)).toBeUndefined();
    expect(await sourceOf(join(directory, "nowhere")).read(path, ANY)).toBeUndefined();
  }
});

test("issuers and upper tiles are found in whichever zip has them", async () => {
  const { source } = archiveOf([
    [checkpoint(1)],
    [checkpoint(1), member("issuer/aa", "a", true)],
    [checkpoint(1), member("issuer/bb", "b"), member("tile/1/001.p/7", "edge")],
  ]);
  expect(await text(source, "issuer/bb")).toBe("b");
  expect(await text(source, "issuer/aa")).toBe("a");
  expect(await text(source, "tile/1/001.p/7")).toBe("edge");
  expect(await text(source, "issuer/cc")).toBeUndefined();
});

test("zips whose checkpoints say different things are refused", async () => {
  const { source } = archiveOf([[checkpoint(10)], [], [checkpoint(10)], [checkpoint(9)]]);
  await expect(source.read("checkpoint", ANY)).rejects.toThrow(
    new FormatError(
      "differs between 000.zip and 003.zip: they are of different archives",
      "log.example, size 10, root root",
      "log.example, size 9, root root",
    ),
  );
});

test("the first zip's checkpoint counts where only the signatures differ", async () => {
  const { source } = archiveOf([[], [checkpoint(10, "first")], [checkpoint(10, "second")]]);
  expect(await text(source, "checkpoint")).toContain("— log.example first");
});

test("a member of a zip that somebody packed anew is found: directories, extra fields, bytes as they are", async () => {
  const extra = Buffer.from([0x55, 0x54, 5, 0, 1, 0, 0, 0, 0]);
  const { source } = archiveOf([
    [
      member("tile/", ""),
      member("tile/data/", ""),
      { ...member("tile/data/000", "plain"), extra, ownExtra: Buffer.concat(Array(20).fill(extra)) },
      { ...member("tile/data/001", "deflated", true), extra, ownExtra: extra },
      member("tile/data/002", "", true),
      member("tile/data/003", ""),
    ],
  ]);
  expect(await text(source, "tile/data/000")).toBe("plain");
  expect(await text(source, "tile/data/001")).toBe("deflated");
  expect(await text(source, "tile/data/002")).toBe("");
  expect(await text(source, "tile/data/003")).toBe("");
});

test("a member beyond 4 GiB is found, with its sizes in a Zip64 field that Go should not have written", async () => {
  const { source } = archiveOf([
    [
      member("tile/data/000", "near", true),
      { ...member("tile/data/001", "at the end of what fits"), at: 2 ** 32 - 1 },
      { ...member("tile/data/002", "far", true), at: 5 * 2 ** 30 },
      member("tile/data/003", "farther"),
    ],
  ]);
  expect(await text(source, "tile/data/000")).toBe("near");
  expect(await text(source, "tile/data/001")).toBe("at the end of what fits");
  expect(await text(source, "tile/data/002")).toBe("far");
  expect(await text(source, "tile/data/003")).toBe("farther");
});

test("no more than a few zips stay open, and none is closed under a read", async () => {
  const numbers = Array.from({ length: 12 }, (_, zip) => zip);
  const { source, directory } = archiveOf(
    numbers.map((zip) => [member(`tile/data/${String(zip).padStart(3, "0")}`, `zip ${zip}`, true)]),
    256,
  );
  const round = numbers.map((zip) => `tile/data/${String(zip).padStart(3, "0")}`);
  const reads = await Promise.all([...round, ...round].map((path) => text(source, path)));
  expect(reads).toEqual([...numbers, ...numbers].map((zip) => `zip ${zip}`));
  if (process.platform === "linux") expect(openBelow(directory)).toHaveLength(2);
  await source.close();
  if (process.platform === "linux") expect(openBelow(directory)).toEqual([]);
});

test("what is read when the source is closed ends well, and is closed then", async () => {
  const { source, directory } = archiveOf([[member("tile/data/000", "bytes", true)]]);
  const reading = text(source, "tile/data/000");
  await source.close();
  expect(await reading).toBe("bytes");
  if (process.platform === "linux") expect(openBelow(directory)).toEqual([]);
});

/** What this process has open below a directory. */
function openBelow(directory: string): string[] {
  return fs.readdirSync("/proc/self/fd").filter((fd) => linkOf(`/proc/self/fd/${fd}`)?.startsWith(directory));
}

function linkOf(path: string): string | undefined {
  try {
    return fs.readlinkSync(path);
  } catch {
    return undefined;
  }
}

test("room is asked for before bytes are held, and they lie in it", async () => {
  const bytes = Buffer.alloc(300_000, "certificates, ");
  const { source } = archiveOf([[{ name: "tile/data/000", bytes, deflated: true }]]);
  const reservation = new Lender({ held: true });
  const { lent, amounts } = reservation;
  const read = source.read("tile/data/000", { ...ANY, reservation });
  await reservation.asked;
  await turns(10);
  expect(lent).toEqual([]);
  reservation.grant();
  const found = await read;
  expect(found).toBe(lent.at(-1));
  expect(bytes.equals(found ?? Buffer.of())).toBe(true);
  expect(amounts).toHaveLength(1);
  expect(amounts[0]).toBeGreaterThanOrEqual(lent.reduce((sum, { length }) => sum + length, 0));
});

test("a budget is given back whole", async () => {
  const budget = new ByteBudget(1 << 16);
  const { source } = archiveOf([
    [member("tile/data/000", "right", true), { ...member("tile/data/001", "wrong", true), crc32: 0 }],
  ]);
  for (const path of ["tile/data/000", "tile/data/001"]) {
    const reservation = budget.reserve();
    await source.read(path, { ...ANY, reservation }).catch(() => {});
    reservation.release();
  }
  expect(budget.taken).toBe(0);
});

test("directories and pipes in the place of a zip are refused, and nothing hangs on them", async () => {
  const { source, directory } = archiveOf([]);
  fs.mkdirSync(join(directory, "000.zip"));
  execFileSync("mkfifo", [join(directory, "001.zip")]);
  for (const [path, zip] of [
    ["checkpoint", "000.zip"],
    ["tile/data/000", "000.zip"],
    ["tile/data/256", "001.zip"],
  ]) {
    await expect(source.read(path as string, ANY)).rejects.toThrow(
      new FormatError(`cannot be read: ${zip} is not a regular file`),
    );
  }
});

test("a link leads to a zip; one in a circle is a failure of the source", async () => {
  const { directory: elsewhere } = archiveOf([[member("tile/data/000", "linked")]]);
  const { source, directory } = archiveOf([]);
  fs.symlinkSync(join(elsewhere, "000.zip"), join(directory, "000.zip"));
  fs.symlinkSync("001.zip", join(directory, "001.zip"));
  expect(await text(source, "tile/data/000")).toBe("linked");
  await expect(source.read("tile/data/256", ANY)).rejects.toThrow(SourceError);
});
