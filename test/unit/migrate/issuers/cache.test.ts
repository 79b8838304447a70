/** When an issuer of a Static CT log counts as found: not before it is durable. */

import { hash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { VerificationError } from "../../../../lib/errors.ts";
import { IssuerCache } from "../../../../lib/migrate/issuers/cache.ts";
import { turns } from "../../../support/http/reads.ts";
import { testAuthorities } from "../../../support/logs/certificates.ts";
import { MemoryWriter, memoryContext } from "../../../support/logs/in-memory-log.ts";

const { root } = testAuthorities("durable");
const { fingerprint } = root;
const PATH = `issuer/${fingerprint}`;
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
    return { ...batch, commit };
  }
}

function cacheWith(writer: MemoryWriter, source = ofSource): IssuerCache {
  return new IssuerCache({ context: memoryContext(source, "static-ct"), writer: () => writer, deep: true });
}

describe.each([
  ["an issuer that is fetched", []],
  ["an issuer that is found in place", [[PATH, root.der]]],
] as const)("%s", (_, found) => {
  it("counts only once it is committed", async () => {
    const writer = new SlowWriter();
    for (const [path, der] of found) writer.objects.set(path, der);
    const cache = cacheWith(writer);
    let isDone = false;
    const finding = cache.find(fingerprint, 7).finally(() => {
      isDone = true;
    });
    await Promise.race([writer.begun, finding]);
    await turns(5);
    expect(isDone).toBe(false);
    expect(cache.known(fingerprint)).toBeUndefined();
    writer.finish();
    const issuer = await finding;
    expect(issuer).toMatchObject({ fingerprint, bytes: root.der.length, facts: expect.anything() });
    expect(cache.known(fingerprint)).toBe(issuer);
    expect(hash("sha256", writer.objects.get(PATH) ?? "")).toBe(fingerprint);
    expect(writer.kept).toEqual(found.map(([path]) => path));
  });

  it("does not count where that fails, and is looked up again when asked for again", async () => {
    const writer = new MemoryWriter();
    for (const [path, der] of found) writer.objects.set(path, der);
    writer.failure = new Error("the disk is full");
    const cache = cacheWith(writer);
    await expect(cache.find(fingerprint, 7)).rejects.toThrow("the disk is full");
    expect(cache.known(fingerprint)).toBeUndefined();
    writer.failure = undefined;
    expect((await cache.find(fingerprint, 7)).problem).toBeUndefined();
  });
});

describe("an issuer", () => {
  it("that many ask for at once is read once", async () => {
    let reads = 0;
    const writer = new MemoryWriter();
    writer.read = async () => {
      reads++;
      return undefined;
    };
    const cache = cacheWith(writer);
    const found = await Promise.all([1, 2, 3].map((entry) => cache.find(fingerprint, entry)));
    expect(new Set(found).size).toBe(1);
    expect(reads).toBe(1);
  });

  it("that is unavailable is known only once entries are certain to name it", async () => {
    const cache = cacheWith(new MemoryWriter());
    const other = "ab".repeat(32);
    expect(await cache.find(other, 1)).toMatchObject({ problem: "is missing" });
    expect(cache.known(other)).toBeUndefined();
    cache.confirmMissing(other);
    expect(cache.known(other)).toMatchObject({ fingerprint: other, problem: "is missing" });
  });

  it("of which the source has other bytes is unavailable, and nothing is stored", async () => {
    const writer = new MemoryWriter();
    const cache = cacheWith(writer, new Map([[PATH, Buffer.from("another certificate")]]));
    const issuer = await cache.find(fingerprint, 1);
    expect(issuer).toMatchObject({ problem: "does not hash to its name" });
    expect(writer.objects.size).toBe(0);
  });

  it("of which a target has other bytes is fetched and stored, and those are counted", async () => {
    const writer = new MemoryWriter();
    writer.objects.set(PATH, Buffer.from("leftover of a crash"));
    const context = memoryContext(ofSource, "static-ct");
    const cache = new IssuerCache({ context, writer: () => writer, deep: false });
    expect((await cache.find(fingerprint, 1)).problem).toBeUndefined();
    expect(hash("sha256", writer.objects.get(PATH) ?? "")).toBe(fingerprint);
    expect(context.counters.get("replacedObjects")).toBe(1);
  });
});

it("more issuers than any log has are refused, so that a hostile log cannot fill the memory", async () => {
  const name = (number: number): string => number.toString(16).padStart(64, "0");
  const missing = Array.from({ length: 100_000 }, (_, entry) => {
    return { fingerprint: name(entry), entry, problem: "is missing" };
  });
  const cache = new IssuerCache({ context: memoryContext(ofSource, "static-ct"), deep: false }, missing);
  expect(cache.known(name(99_999))).toBeDefined();
  const failure = await cache.find(fingerprint, 123_456).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(VerificationError);
  expect(String(failure)).toContain("the entries up to 123456 name more issuers than any log has");
});
