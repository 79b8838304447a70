/**
 * A target that throws the bulk of a log away, for measurements of logs that are larger than this machine: entry
 * bundles and full level-0 tiles are dropped, and listed as if they existed. All else is a migration into a
 * directory as it always is: the claim, the seals, the root recomputed from the upper tiles, the handover. What it
 * leaves looks like a log, and is none.
 *
 * This module is loaded by `node --import` before the program and registers itself with it as the backend of such
 * targets. Its own address names the program, since another copy of its modules would not be the ones that run.
 */

import { realpathSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Backend, StoredObject, TargetWriter } from "../../lib/index.ts";
import { isBulk, listBulk } from "../../test/logs/endless.ts";

/** What `node --import` takes. @param program the program's file, compiled or not. */
export function discardPreload(program: string): string {
  const preload = new URL(import.meta.url);
  preload.searchParams.set("program", pathToFileURL(realpathSync(program)).href);
  return preload.href;
}

/** What the program takes for a target that keeps in `directory` what is not thrown away of a log of this size. */
export function discardLocation(directory: string, size: number): string {
  return `discard://${directory}?size=${size}`;
}

/** The modules of the program that runs. */
async function modulesOf(program: string) {
  const extension = program.endsWith(".ts") ? "ts" : "js";
  const moduleOf = (name: string) => new URL(`../storage/${name}.${extension}`, program).href;
  const { registerBackend }: typeof import("../../storage/backends.ts") = await import(moduleOf("backends"));
  const { PosixTarget }: typeof import("../../storage/posix/target.ts") = await import(
    moduleOf("posix/target")
  );
  return { registerBackend, PosixTarget };
}

async function discardBackend(program: string): Promise<Backend> {
  const { registerBackend, PosixTarget } = await modulesOf(program);
  class DiscardTarget extends PosixTarget {
    readonly #size: number;

    constructor(directory: string, size: number) {
      super(directory);
      this.#size = size;
    }

    override async requireFreeSpace(): Promise<void> {}

    override openWriter(): TargetWriter {
      const writer = super.openWriter();
      const newBatch = writer.batch.bind(writer);
      writer.batch = () => {
        const batch = newBatch();
        const put = batch.put.bind(batch);
        batch.put = (path, bytes) => (isBulk(path) ? undefined : put(path, bytes));
        return batch;
      };
      return writer;
    }

    override async *list(below: string): AsyncGenerator<StoredObject> {
      yield* super.list(below);
      // What is above the bulk is asked for again and again.
      if (below !== "tile" && !/^tile\/(0|entries)(\/|$)/.test(below)) return;
      for (const object of listBulk(this.#size)) if (object.path.startsWith(`${below}/`)) yield object;
    }
  }

  registerBackend("discard", import.meta.url);
  return {
    form: "discard:///directory?size=N",
    async openTarget({ pathname, searchParams }) {
      return new DiscardTarget(fileURLToPath(`file://${pathname}`), Number(searchParams.get("size")));
    },
  };
}

const program = new URL(import.meta.url).searchParams.get("program");

export default program === null ? undefined : await discardBackend(program);
