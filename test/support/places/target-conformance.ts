/** What every MigrationTarget does, whatever stands behind it. */

import { expect, it } from "vitest";
import { TargetRefusedError } from "../../../lib/errors.ts";
import type {
  ListOptions,
  LockKind,
  MigrationTarget,
  StoredObject,
  TargetWriter,
} from "../../../lib/migrate/ports/target.ts";
import { LATER_MARKER, MARKER, RECORD, STATE as state } from "./bucket-targets.ts";

export interface TargetKind {
  /** Opens the place anew, as another run would. */
  open(): Promise<MigrationTarget>;
  /** Whether log software can go on from there; a mirror has no tree state. */
  readonly hasTreeState: boolean;
  /** Writes an object past the target, as something else would. */
  putByOthers(path: string, bytes: Uint8Array): Promise<void>;
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text);
const TILE = "tile/0/000";
const BUNDLE = "tile/entries/000";

export function testTarget(newPlace: () => Promise<TargetKind>): void {
  it("is empty, then claimed, then handed over, and says so", async () => {
    const place = await newPlace();
    const target = await place.open();
    expect(await target.inspect()).toEqual({ kind: "empty" });
    await target.claim(MARKER);
    expect(await (await place.open()).inspect()).toEqual({ kind: "claimed", marker: MARKER });
    expect(await target.integratedTree()).toBeUndefined();
    await target.handOver(MARKER, state, RECORD);
    expect(await (await place.open()).inspect()).toEqual({ kind: "handed-over", record: RECORD });
    const { size, rootHash } = state;
    const tree = await (await place.open()).integratedTree();
    expect(tree && { ...tree, rootHash: Buffer.from(tree.rootHash) }).toEqual(
      place.hasTreeState ? { size, rootHash } : undefined,
    );
    await target.confirmHandOver();
    await target.close();
  });

  it("is claimed once", async () => {
    const place = await newPlace();
    await (await place.open()).claim(MARKER);
    await expect((await place.open()).claim(LATER_MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(await (await place.open()).inspect()).toEqual({ kind: "claimed", marker: MARKER });
  });

  it("has its marker changed from what it was, and from nothing else", async () => {
    const { target } = await claimed(await newPlace());
    await expect(target.replaceMarker(LATER_MARKER, MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
    await target.replaceMarker(MARKER, LATER_MARKER);
    expect(await target.inspect()).toEqual({ kind: "claimed", marker: LATER_MARKER });
    await expect(target.handOver(MARKER, state, RECORD)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(await target.inspect()).toEqual({ kind: "claimed", marker: LATER_MARKER });
    expect(await target.integratedTree()).toBeUndefined();
  });

  it("is handed over once, and is nobody's to change after", async () => {
    const { target } = await claimed(await newPlace());
    await target.handOver(MARKER, state, RECORD);
    await expect(target.replaceMarker(MARKER, LATER_MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
    await expect(target.claim(MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(await target.inspect()).toEqual({ kind: "handed-over", record: RECORD });
  });

  it("has its handover taken back, and is claimed again as it was, or not at all", async () => {
    const { target } = await claimed(await newPlace());
    await target.handOver(MARKER, state, RECORD);
    await expect(target.takeBack(MARKER, state, `${RECORD} `)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(await target.inspect()).toEqual({ kind: "handed-over", record: RECORD });
    await target.takeBack(MARKER, state, RECORD);
    expect(await target.inspect()).toEqual({ kind: "claimed", marker: MARKER });
    expect(await target.integratedTree()).toBeUndefined();
    await target.handOver(MARKER, state, RECORD);
    expect(await target.inspect()).toEqual({ kind: "handed-over", record: RECORD });
  });

  it("has its claim removed, and is empty", async () => {
    const { target } = await claimed(await newPlace());
    await expect(target.unclaim(LATER_MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(await target.inspect()).toEqual({ kind: "claimed", marker: MARKER });
    const lock = await target.lock();
    await target.unclaim(MARKER);
    await lock.release();
    expect(await target.inspect()).toEqual({ kind: "empty" });
    await target.claim(LATER_MARKER);
    expect(await target.inspect()).toEqual({ kind: "claimed", marker: LATER_MARKER });
  });

  it("that is handed over has nothing replaced and nothing removed by a copy that slept", async () => {
    const place = await newPlace();
    const { target, writer } = await claimed(place);
    await place.putByOthers(TILE, bytesOf("log software's"));
    await target.handOver(MARKER, state, RECORD);
    const batch = writer.batch();
    const put = async () => {
      await batch.put(TILE, bytesOf("a tile"));
      await batch.commit();
    };
    await expect(put()).rejects.toBeInstanceOf(TargetRefusedError);
    await batch.abandon();
    await expect(target.remove(TILE)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(await textOf(writer)).toBe("log software's");
    await writer.close();
  });

  it("holds objects, each whole, by their paths and sizes", async () => {
    const { writer, target } = await claimed(await newPlace());
    expect(await writer.read(TILE, 100)).toBeUndefined();
    const batch = writer.batch();
    await batch.put(TILE, bytesOf("a tile"));
    await batch.put(BUNDLE, bytesOf("a bundle"));
    await batch.put("tile/1/000.p/1", bytesOf("a partial tile"));
    await batch.commit();
    expect(await textOf(writer)).toBe("a tile");
    expect(await listed(target, "tile")).toEqual([
      { path: TILE, bytes: 6 },
      { path: "tile/1/000.p/1", bytes: 14 },
      { path: BUNDLE, bytes: 8 },
    ]);
    expect(await listed(target, "tile/1")).toEqual([{ path: "tile/1/000.p/1", bytes: 14 }]);
    await writer.close();
  });

  it("takes the same object twice, and replaces one that is another", async () => {
    const place = await newPlace();
    const { writer } = await claimed(place);
    await place.putByOthers(TILE, bytesOf("debris"));
    for (const text of ["a tile", "a tile"]) {
      const batch = writer.batch();
      await batch.put(TILE, bytesOf(text));
      await batch.commit();
      expect(await textOf(writer)).toBe(text);
    }
    const batch = writer.batch();
    await batch.keep(TILE, bytesOf("a tile"));
    await batch.commit();
    expect(await textOf(writer)).toBe("a tile");
    await writer.close();
  });

  it("that is handed over has single objects repaired, and nothing else changed", async () => {
    const place = await newPlace();
    const { target } = await claimed(place);
    await place.putByOthers(TILE, bytesOf("damaged"));
    await place.putByOthers(BUNDLE, bytesOf("a bundle"));
    await target.handOver(MARKER, state, RECORD);
    const again = await place.open();
    const repairs = await again.openRepairs?.();
    if (repairs === undefined) throw new Error("it cannot be repaired");
    expect(Buffer.from((await repairs.read(TILE, 100)) ?? []).toString()).toBe("damaged");
    expect(await repairs.read("tile/0/001", 100)).toBeUndefined();
    for (const text of ["a tile", "a tile"]) await repairs.replace(TILE, bytesOf(text));
    await repairs.replace("tile/1/x001/000.p/7", bytesOf("a partial tile"));
    await repairs.close();
    expect(await textOf(again.openWriter())).toBe("a tile");
    expect(await listed(again, "tile")).toEqual([
      { path: TILE, bytes: 6 },
      { path: "tile/1/x001/000.p/7", bytes: 14 },
      { path: BUNDLE, bytes: 8 },
    ]);
    expect(await again.inspect()).toEqual({ kind: "handed-over", record: RECORD });
  });

  it("reads nothing right that is larger than it may be", async () => {
    const place = await newPlace();
    const { writer } = await claimed(place);
    await place.putByOthers(TILE, bytesOf("far too long"));
    expect(await writer.read(TILE, 6)).not.toEqual(bytesOf("far to"));
    expect((await writer.read(TILE, 6))?.length).not.toBe(6);
    await writer.close();
  });

  it("leaves the caller's bytes alone, and does not look at them once they are stored", async () => {
    const { writer } = await claimed(await newPlace());
    const bytes = new Uint8Array(300_000).fill(7);
    const batch = writer.batch();
    await batch.put(BUNDLE, bytes);
    bytes.fill(8);
    await batch.commit();
    expect((await writer.read(BUNDLE, 300_000))?.every((byte) => byte === 7)).toBe(true);
    await writer.close();
  });

  it("removes an object, there or not", async () => {
    const place = await newPlace();
    const { target } = await claimed(place);
    await place.putByOthers("tile/1/000", bytesOf("a seal"));
    await target.remove("tile/1/000");
    await target.remove("tile/1/000");
    await target.remove("tile/0/255.p/240");
    expect(await listed(target, "tile")).toEqual([]);
  });

  it("is not handed over, nor claimed, where there is a checkpoint", async () => {
    const place = await newPlace();
    const { target } = await claimed(place);
    await place.putByOthers("checkpoint", bytesOf("somebody's"));
    await expect(target.handOver(MARKER, state, RECORD)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(await target.inspect()).toEqual({ kind: "claimed", marker: MARKER });
    const occupied = await newPlace();
    await occupied.putByOthers("checkpoint", bytesOf("somebody's"));
    expect(await (await occupied.open()).inspect()).toMatchObject({ kind: "occupied" });
  });

  it("that holds tiles which nobody claimed says so, with an example", async () => {
    const place = await newPlace();
    await place.putByOthers(TILE, bytesOf("a tile"));
    expect(await (await place.open()).inspect()).toEqual({ kind: "unclaimed-tiles", example: TILE });
  });

  it("stores a checkpoint once", async () => {
    const { target } = await claimed(await newPlace());
    await target.handOver(MARKER, state, RECORD);
    expect(await target.publishCheckpoint(bytesOf("a checkpoint"))).toBe(true);
    expect(await target.publishCheckpoint(bytesOf("another one"))).toBe(false);
  });

  it("has a mirror's checkpoint replaced by its next, and readers see one of them at any time", async () => {
    const place = await newPlace();
    const { target, writer } = await claimed(place);
    const replace = target.replaceCheckpoint?.bind(target);
    if (replace === undefined) throw new Error("it cannot be a mirror");
    const read = async () => Buffer.from((await writer.read("checkpoint", 100)) ?? []).toString();
    await replace(MARKER, undefined, bytesOf("a checkpoint"));
    expect(await read()).toBe("a checkpoint");
    // Also where the answer got lost.
    await replace(MARKER, undefined, bytesOf("a checkpoint"));
    await replace(MARKER, bytesOf("a checkpoint"), bytesOf("the next"));
    expect(await read()).toBe("the next");
    expect(await (await place.open()).inspect()).toEqual({ kind: "claimed", marker: MARKER });
    await target.remove("checkpoint");
    expect(await read()).toBe("");
    await target.handOver(MARKER, state, RECORD);
    await writer.close();
  });

  it("has no checkpoint of a mirror replaced but the one that was seen, by the claim that was seen", async () => {
    const place = await newPlace();
    const { target, writer } = await claimed(place);
    await place.putByOthers("checkpoint", bytesOf("another's"));
    const replace = async (marker: string, before: string | undefined) =>
      target.replaceCheckpoint?.(marker, before === undefined ? before : bytesOf(before), bytesOf("ours"));
    await expect(replace(MARKER, undefined)).rejects.toBeInstanceOf(TargetRefusedError);
    await expect(replace(MARKER, "older")).rejects.toBeInstanceOf(TargetRefusedError);
    await expect(replace(LATER_MARKER, "another's")).rejects.toBeInstanceOf(TargetRefusedError);
    expect(Buffer.from((await writer.read("checkpoint", 100)) ?? []).toString()).toBe("another's");
    await target.remove("checkpoint");
    await expect(replace(MARKER, "another's")).rejects.toBeInstanceOf(TargetRefusedError);
    expect(await writer.read("checkpoint", 100)).toBeUndefined();
    await writer.close();
  });

  it("is locked by one copy at a time", async () => {
    const place = await newPlace();
    const { target } = await claimed(place);
    const lock = await target.lock();
    await expect((await place.open()).lock()).rejects.toBeInstanceOf(TargetRefusedError);
    await lock.release();
    await (await (await place.open()).lock()).release();
  });

  it("is locked by the parts of one copy and their leader, or by a copy that works alone", async () => {
    const place = await newPlace();
    await claimed(place);
    const lock = async (kind?: LockKind) => (await place.open()).lock(kind);
    const refused = async (kind?: LockKind) =>
      expect(await lock(kind).catch((error: unknown) => error)).toBeInstanceOf(TargetRefusedError);
    const parts = [await lock("part"), await lock("part")];
    await refused("alone");
    const leader = await lock("leader");
    await refused("leader");
    await refused("alone");
    parts.push(await lock("part"));
    await leader.release();
    await refused();
    for (const part of parts) await part.release();
    const alone = await lock();
    await refused("part");
    await refused("leader");
    await alone.release();
    await (await lock("part")).release();
  });
}

async function claimed(place: TargetKind) {
  const target = await place.open();
  await target.claim(MARKER);
  return { target, writer: target.openWriter() };
}

async function textOf(writer: TargetWriter): Promise<string> {
  return Buffer.from((await writer.read(TILE, 100)) ?? []).toString();
}

/** What a listing has, which is the same however it is divided. */
async function listed(target: MigrationTarget, directory: string): Promise<StoredObject[]> {
  const listing = async (options?: ListOptions) => {
    const objects: StoredObject[] = [];
    for await (const object of target.list(directory, options)) objects.push(object);
    return objects.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  };
  const whole = await listing();
  const names = whole.map(({ path }) => path);
  expect(await listing({ cuts: names }), "a part for each name").toEqual(whole);
  const cuts = [`${directory}/0/`, `${directory}/1/`, `${directory}/z`];
  expect(await listing({ cuts })).toEqual(whole);
  expect(await listing({ cuts, isLowPriority: () => true })).toEqual(whole);
  return whole;
}
