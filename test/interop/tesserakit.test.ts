import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { describeWithGo } from "../support/go/describe-with-go.ts";
import { readLog } from "../support/go/log-files.ts";
import {
  fsck,
  makeCtLog,
  makeLog,
  openAsMigrationTarget,
  startLive,
  takeOver,
  tesseraMigratePosix,
} from "../support/go/tessera.ts";
import { startLogServer } from "../support/http/misbehaving-log-server.ts";

const identity = { origin: "log.example/kit", key: "kit" };
const ctIdentity = { origin: "ct.log.example/2026h1", key: "kit" };

describeWithGo("tesserakit", () => {
  let parent: string;
  let dir: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "tesserakit-"));
    dir = join(parent, "log");
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  it.each([0, 1, 256, 257])("makes a log of exactly %i entries that fsck accepts", async (size) => {
    const log = await makeLog({ ...identity, dir, size });
    expect(log).toMatchObject({ origin: identity.origin, size });
    expect(log.checkpoint).toBe(await readFile(join(dir, "checkpoint"), "utf8"));
    expect(await fsck({ dir, vkey: log.vkey })).toEqual({
      ok: true,
      origin: log.origin,
      size,
      rootHash: log.rootHash,
    });
  });

  it("makes the same log from the same seed, whatever the batches", async () => {
    const first = await makeLog({ ...identity, dir, size: 600, seed: "s" });
    const second = await makeLog({
      ...identity,
      dir: join(parent, "again"),
      size: 600,
      seed: "s",
      batch: 100,
    });
    const other = await makeLog({ ...identity, dir: join(parent, "other"), size: 600, seed: "t" });
    expect(second.rootHash).toBe(first.rootHash);
    expect(other.rootHash).not.toBe(first.rootHash);
    expect(await readdir(join(parent, "again/tile/0/001.p"))).toEqual(["144", "244", "44"]);
  });

  it("takes a log over with another key, and fsck accepts what it appended", async () => {
    await makeLog({ ...identity, dir, size: 257 });
    const after = await takeOver({ ...identity, key: "new owner", dir, add: 300 });
    expect(after).toMatchObject({ sizeBefore: 257, indices: [257, 556], contiguous: true, size: 557 });
    expect(await fsck({ dir, vkey: after.vkey })).toMatchObject({ size: 557, rootHash: after.rootHash });
  });

  it("reports what the Appender signs when nothing is appended, not the checkpoint that was there", async () => {
    const made = await makeLog({ ...identity, dir, size: 257 });
    const after = await takeOver({ ...identity, dir, add: 0 });
    expect(after).toMatchObject({ indices: null, size: 257, rootHash: made.rootHash });

    const wrongRoot = Buffer.alloc(32, 7).toString("base64");
    await writeFile(join(dir, ".state/treeState"), JSON.stringify({ size: 257, root: wrongRoot }));
    expect(await takeOver({ ...identity, dir, add: 0 })).toMatchObject({ rootHash: wrongRoot });
    await expect(fsck({ dir, vkey: made.vkey })).rejects.toThrow("fsck: calculated root");
  });

  it("refuses a version that is not Tessera's, as Appender and as migration target, and shows it", async () => {
    await makeLog({ ...identity, dir, size: 257 });
    await writeFile(join(dir, ".state/version"), 'migration-in-progress {"format":1}');
    const shown = /failed to parse version: .*migration-in-progress \{\\"format\\":1\}/;
    await expect(takeOver({ ...identity, dir })).rejects.toThrow(shown);
    await expect(openAsMigrationTarget({ dir })).rejects.toThrow(shown);
  });

  it("opens an empty directory as migration target", async () => {
    await openAsMigrationTarget({ dir });
    expect(await readdir(join(dir, ".state"))).toEqual(["treeState", "treeState.lock", "version"]);
  });

  it("finds a flipped byte in a bundle", async () => {
    const log = await makeLog({ ...identity, dir, size: 1000 });
    await flipByte(join(dir, "tile/entries/001"));
    await expect(fsck({ dir, vkey: log.vkey })).rejects.toThrow(
      /fsck: failed: tile\/(0\/001|1\/000\.p\/3): log has/,
    );
  });

  it("finds flipped bytes everywhere without getting stuck", async () => {
    const log = await makeLog({ ...identity, dir, size: 10_000 });
    const bundles = Array.from({ length: 39 }, (_, n) =>
      join(dir, "tile/entries", String(n).padStart(3, "0")),
    );
    await Promise.all(bundles.map(flipByte));
    await expect(fsck({ dir, vkey: log.vkey, timeoutMs: 20_000 })).rejects.toThrow(/fsck/);
  });

  it("makes a Static CT log that fsck accepts and an Appender continues", async () => {
    const log = await makeCtLog({ ...ctIdentity, dir, size: 257 });
    expect(log.vkey).toMatch(/\+BTBZ/); // type byte 0x05, then the SPKI
    expect(await readdir(join(dir, "issuer"))).toHaveLength(5);
    expect(await fsck({ dir, vkey: log.vkey, ct: true })).toMatchObject({ size: 257 });
    const after = await takeOver({ ...ctIdentity, dir, ct: true, add: 300 });
    expect(after).toMatchObject({ sizeBefore: 257, contiguous: true, size: 557, vkey: log.vkey });
    expect(await fsck({ dir, vkey: log.vkey, ct: true })).toMatchObject({ size: 557 });
  });

  it("keeps a log growing until it is stopped, and covers every entry", async () => {
    await makeLog({ ...identity, dir, size: 257 });
    await using live = await startLive({ ...identity, dir, entriesPerSecond: 2000, maxEntries: 1000 });
    expect(live.sizeBefore).toBe(257);
    await expect.poll(() => publishedSize(dir), { timeout: 20_000 }).toBeGreaterThan(300);
    const report = await live.stop();
    expect(report.size).toBe(await publishedSize(dir));
    expect(report.size).toBeLessThanOrEqual(1257);
    expect(await fsck({ dir, vkey: live.vkey })).toMatchObject({ size: report.size });
  });

  it("says why a live log does not start", async () => {
    await makeLog({ ...identity, dir, size: 1 });
    await writeFile(join(dir, ".state/version"), "2");
    await expect(startLive({ ...identity, dir, entriesPerSecond: 1 })).rejects.toThrow(
      "wanted version 1 but found 2",
    );
  });

  it("ends a child that takes too long", async () => {
    const slow = makeLog({ ...identity, dir, size: 2_000_000, timeoutMs: 50 });
    await expect(slow).rejects.toThrow("killed after 50 ms");
  });

  it("migrates with Tessera's own tool, and fsck accepts the copy under the source's checkpoint", async () => {
    const log = await makeLog({ ...identity, dir, size: 1000 });
    const url = `${(await startLogServer(readLog(dir))).url}/`;
    expect(await fsck({ url, vkey: log.vkey })).toMatchObject({ size: 1000 });
    const copy = join(parent, "copy");
    await tesseraMigratePosix({ sourceUrl: url, dir: copy });
    await writeFile(join(copy, "checkpoint"), log.checkpoint);
    expect(await fsck({ dir: copy, vkey: log.vkey })).toMatchObject({ rootHash: log.rootHash });
  });
});

/** Flips a bit of the last byte, which in a bundle belongs to the last entry's contents. */
async function flipByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  const last = bytes.length - 1;
  bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
  await writeFile(path, bytes);
}

async function publishedSize(dir: string): Promise<number> {
  const checkpoint = await readFile(join(dir, "checkpoint"), "utf8");
  return Number(checkpoint.split("\n")[1]);
}
