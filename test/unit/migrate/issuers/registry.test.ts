/** When the issuers of a Static CT log count as accounted for: not before they are durable. */

import { hash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Issuers } from "../../../../lib/migrate/issuers/registry.ts";
import type { TargetBatch } from "../../../../lib/migrate/ports/target.ts";
import { testAuthorities } from "../../../support/logs/certificates.ts";
import { MemoryWriter, memoryContext } from "../../../support/logs/in-memory-log.ts";

const { root } = testAuthorities("durable");
const PATH = `issuer/${root.fingerprint}`;
const question = { fingerprint: root.fingerprint, index: 7, isCertain: false };
const ofSource = new Map([[PATH, root.der]]);

/** A target whose commits begin, and end only when `finish` is called. */
class SlowWriter extends MemoryWriter {
  readonly #finished = Promise.withResolvers<void>();
  readonly #begun = Promise.withResolvers<void>();
  readonly begun = this.#begun.promise;
  readonly finish = this.#finished.resolve;

  override batch() {
    const batch = super.batch();
    const commit = async (): Promise<void> => {
      this.#begun.resolve();
      await this.#finished.promise;
      await batch.commit();
    };
    return { ...batch, commit } satisfies TargetBatch;
  }
}

function issuersIn(writer: MemoryWriter): Issuers {
  return new Issuers({ context: memoryContext(ofSource, "static-ct"), writer: () => writer, deep: true });
}

/** Everything that is ready to run has run several times over. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
}

describe.each([
  ["an issuer that is fetched", []],
  ["an issuer that is found in place", [[PATH, root.der]]],
] as const)("%s", (_, found) => {
  it("counts only once it is committed", async () => {
    const writer = new SlowWriter();
    for (const [path, der] of found) writer.objects.set(path, der);
    let isDone = false;
    const answer = issuersIn(writer)
      .account(question)
      .finally(() => {
        isDone = true;
      });
    await Promise.race([writer.begun, answer]);
    await idle();
    expect(isDone).toBe(false);
    writer.finish();
    expect((await answer).facts).toBeDefined();
    expect(hash("sha256", writer.objects.get(PATH) ?? "")).toBe(root.fingerprint);
    expect(writer.kept).toEqual(found.map(([path]) => path));
  });

  it("does not count where that fails", async () => {
    const writer = new MemoryWriter();
    for (const [path, der] of found) writer.objects.set(path, der);
    writer.failure = new Error("the disk is full");
    await expect(issuersIn(writer).account(question)).rejects.toThrow("the disk is full");
  });
});
