/**
 * A backend as a program might bring it, which uses only the package's public API: each object of a log is a
 * file whose name is its path in hexadecimal, so that no other backend could read or write it.
 */

import fs from "node:fs";
import { join } from "node:path";
import {
  type Backend,
  type MigrationTarget,
  type ObjectSource,
  type TargetBatch,
  type TargetContents,
  TargetRefusedError,
} from "../../../../lib/index.ts";

const MARKER = "the marker";
const STATE = "the tree state";

class ScratchPlace {
  readonly directory: string;
  readonly location: string;

  constructor(url: URL) {
    this.directory = decodeURIComponent(url.pathname);
    this.location = url.href;
  }

  locate(path: string): string {
    return join(this.directory, Buffer.from(path).toString("hex"));
  }

  get(path: string): Buffer | undefined {
    return fs.existsSync(this.locate(path)) ? fs.readFileSync(this.locate(path)) : undefined;
  }

  put(path: string, bytes: string | Uint8Array): void {
    fs.mkdirSync(this.directory, { recursive: true });
    fs.writeFileSync(this.locate(path), bytes);
  }

  paths(): string[] {
    if (!fs.existsSync(this.directory)) return [];
    return fs.readdirSync(this.directory).map((name) => Buffer.from(name, "hex").toString());
  }
}

function sourceIn(place: ScratchPlace): ObjectSource {
  return {
    location: place.location,
    locate: (path) => place.locate(path),
    read: async (path) => place.get(path),
    close: async () => {},
  };
}

function targetIn(place: ScratchPlace): MigrationTarget {
  const requireMarker = (marker: string): void => {
    const found = place.get(MARKER)?.toString();
    if (found === marker) return;
    throw new TargetRefusedError({ object: place.location, problem: "has another marker", found });
  };
  const contents = (): TargetContents => {
    const text = place.get(MARKER)?.toString();
    if (text === undefined)
      return place.paths().length === 0 ? { kind: "empty" } : { kind: "occupied", found: "objects" };
    return place.get(STATE) === undefined
      ? { kind: "claimed", marker: text }
      : { kind: "handed-over", record: text };
  };
  const batch = (): TargetBatch => ({
    put: (path, bytes) => place.put(path, bytes),
    keep: async () => {},
    commit: async () => {},
    abandon: async () => {},
  });
  return {
    location: place.location,
    treeStateName: STATE,
    markerName: MARKER,
    recordName: MARKER,
    locate: (path) => place.locate(path),
    inspect: async () => contents(),
    async integratedTree() {
      const text = place.get(STATE)?.toString();
      if (text === undefined) return undefined;
      const { size, root } = JSON.parse(text);
      return { size, rootHash: Buffer.from(root, "base64") };
    },
    stateFaults: async () => [],
    lock: async () => ({ release: async () => {} }),
    async claim(marker) {
      if (contents().kind !== "empty")
        throw new TargetRefusedError({ object: place.location, problem: "is not empty" });
      place.put(MARKER, marker);
    },
    async replaceMarker(from, to) {
      requireMarker(from);
      place.put(MARKER, to);
    },
    requireFreeSpace: async () => {},
    warnings: async () => [],
    openWriter: () => ({ read: async (path) => place.get(path), batch, close: async () => {} }),
    async *list(below) {
      for (const path of place.paths()) {
        if (path.startsWith(`${below}/`)) yield { path, bytes: place.get(path)?.length ?? 0 };
      }
    },
    remove: async (path) => fs.rmSync(place.locate(path), { force: true }),
    async handOver(marker, { size, rootHash }, record) {
      requireMarker(marker);
      place.put(STATE, JSON.stringify({ size, root: Buffer.from(rootHash).toString("base64") }));
      place.put(MARKER, record);
    },
    async takeBack(marker) {
      fs.rmSync(place.locate(STATE), { force: true });
      place.put(MARKER, marker);
    },
    async unclaim(marker) {
      requireMarker(marker);
      fs.rmSync(place.locate(MARKER));
    },
    confirmHandOver: async () => {},
    async publishCheckpoint(checkpoint) {
      place.put("checkpoint", checkpoint);
      return true;
    },
    close: async () => {},
  };
}

export default {
  form: "scratch:///directory",
  isLocal: true,
  targetOptions: [{ flags: "--scratch-mood <mood>", description: "is not looked at" }],
  openObjects: async (url) => sourceIn(new ScratchPlace(url)),
  openTarget: async (url) => targetIn(new ScratchPlace(url)),
} satisfies Backend;
