/** Single objects that are replaced in a directory which belongs to others. */

import fs from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { OperationError, TargetRefusedError } from "../../../../lib/errors.ts";
import { PosixRepairs } from "../../../../storage/posix/repairs.ts";
import { filesBelow, memoryDirectory, writeFiles } from "../../../support/places/directory.ts";

const TILE = "tile/0/000";
const isRoot = process.geteuid?.() === 0;

function newLog(): { directory: string; repairs: PosixRepairs } {
  const directory = memoryDirectory();
  writeFiles(directory, [[TILE, "damaged"]]);
  return { directory, repairs: new PosixRepairs(directory, true) };
}

function modeOf(path: string): string {
  return (fs.statSync(path).mode & 0o7777).toString(8);
}

describe("an object that is repaired", () => {
  it("and the directories above it have owner and mode of what they are in", async () => {
    const { directory, repairs } = newLog();
    const [tiles, old] = [join(directory, "tile"), join(directory, dirname(TILE))];
    for (const [path, mode] of [
      [tiles, 0o2775],
      [old, 0o750],
    ] as const) {
      if (isRoot) fs.chownSync(path, 4242, 4343);
      fs.chmodSync(path, mode);
    }
    const made = "tile/1/x001/000.p/7";
    for (const path of [TILE, made]) await repairs.replace(path, Buffer.from("right"));
    await repairs.close();
    expect(modeOf(join(directory, TILE))).toBe("640");
    expect(modeOf(join(directory, made))).toBe("664");
    for (const path of ["tile/1", "tile/1/x001", "tile/1/x001/000.p"]) {
      expect(modeOf(join(directory, path)), path).toBe("2775");
    }
    if (!isRoot) return;
    for (const path of [TILE, made, "tile/1", "tile/1/x001", "tile/1/x001/000.p"]) {
      const { uid, gid } = fs.statSync(join(directory, path));
      expect([uid, gid], path).toEqual([4242, 4343]);
    }
  });

  it("is replaced under its name alone: who has it open, or linked, goes on with the old bytes", async () => {
    const { directory, repairs } = newLog();
    const other = join(directory, "other");
    fs.linkSync(join(directory, TILE), other);
    const reader = fs.openSync(join(directory, TILE), "r");
    await repairs.replace(TILE, Buffer.from("right"));
    expect(fs.readFileSync(reader, "utf8")).toBe("damaged");
    fs.closeSync(reader);
    expect(fs.readFileSync(other, "utf8")).toBe("damaged");
    expect(fs.readFileSync(join(directory, TILE), "utf8")).toBe("right");
  });

  it("stays as it was where its bytes, or the disk, fail; and no temporary file stays", async () => {
    for (const call of ["writeSync", "renameSync", "fsyncSync"] as const) {
      const { directory, repairs } = newLog();
      const failure = Object.assign(new Error("no space"), { code: "ENOSPC", errno: -28, syscall: "write" });
      vi.spyOn(fs, call).mockImplementationOnce(() => {
        throw failure;
      });
      await expect(repairs.replace(TILE, Buffer.from("right")), call).rejects.toBeInstanceOf(OperationError);
      await repairs.close();
      expect(fs.readFileSync(join(directory, TILE), "utf8")).toBe("damaged");
      expect(filesBelow(directory)).toEqual([TILE]);
      vi.restoreAllMocks();
    }
  });

  it("does not end up elsewhere: through no link, of a directory or of the temporary files", async () => {
    const elsewhere = memoryDirectory();
    const { directory, repairs } = newLog();
    fs.symlinkSync(elsewhere, join(directory, "tile/1"));
    await expect(repairs.replace("tile/1/000", Buffer.from("right"))).rejects.toBeInstanceOf(
      TargetRefusedError,
    );
    await repairs.close();
    fs.symlinkSync(elsewhere, join(directory, ".tlog-migrate.tmp"));
    await expect(repairs.replace(TILE, Buffer.from("right"))).rejects.toBeInstanceOf(TargetRefusedError);
    expect(() => new PosixRepairs(directory, true)).toThrow(TargetRefusedError);
    expect(fs.readdirSync(elsewhere)).toEqual([]);
    expect(fs.readFileSync(join(directory, TILE), "utf8")).toBe("damaged");
  });
});
