import { rmSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { StaticCtEntry } from "../../lib/tlog/static-ct/entry.ts";
import { type CtLog, keyOf } from "../support/go/ct-logs.ts";
import { checkPrecertificates, readWithSunlight } from "../support/go/ct-readers.ts";
import { ISSUERS, precertificatesAmong, submitChains } from "../support/go/ct-submissions.ts";
import { describeWithGo } from "../support/go/describe-with-go.ts";
import { startSunlight } from "../support/go/sunlight.ts";
import { fsckStaticCt, startTesseraCT } from "../support/go/tesseract.ts";
import { useGoPrograms } from "../support/go/use-go-programs.ts";
import { filesBelow, memoryDirectory } from "../support/places/directory.ts";

useGoPrograms("ctkit", "tesseract-fsck", "skylight", "sunlight");

const chains = { authorities: "kit" };
const identity = { origin: "ct.log.example/2026h1", key: "kit", authorities: [chains.authorities] };

/** A log of TesseraCT's in a directory, with the first chains. */
async function makeLog(count: number) {
  const dir = join(memoryDirectory(), "log");
  await using log = await startTesseraCT({ dir, ...identity });
  await submitChains(log, { ...chains, count });
  await log.stop();
  const { origin, publicKey } = log;
  return { dir, origin, publicKey, url: `file://${dir}` };
}

describeWithGo("TesseraCT", () => {
  it("gives every chain an index, and knows them again after it was stopped and started", async () => {
    const dir = join(memoryDirectory(), "log");
    await using first = await startTesseraCT({ dir, ...identity });
    const { indices } = await submitChains(first, { ...chains, count: 20 });
    expect([...indices].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    await expect.poll(() => first.indexed(), { timeout: 60_000 }).toBe(20);
    const report = await first.stop();
    expect(report).toMatchObject({ size: 20, checkpoint: await readFile(join(dir, "checkpoint"), "utf8") });

    await using again = await startTesseraCT({ dir, ...identity });
    expect(again).toMatchObject({ sizeBefore: 20, vkey: (await keyOf(identity)).vkey });
    expect((await submitChains(again, { ...chains, count: 20 })).indices).toEqual(indices);
    expect(await again.stop()).toMatchObject({ size: 20, rootHash: report.rootHash });
  });

  it("keeps its issuers, roots and antispam index beside the log", async () => {
    const { dir } = await makeLog(8);
    expect((await readdir(dir)).sort()).toEqual([".state", "checkpoint", "issuer", "roots", "tile"]);
    expect(await readdir(join(dir, "issuer"))).toHaveLength(ISSUERS);
    expect(await readdir(join(dir, "roots"))).toEqual([]);
    expect(await readdir(join(dir, ".state"))).toContain("antispam");
  });

  it("is gone once it is disposed of", async () => {
    const log = await startTesseraCT({ dir: join(memoryDirectory(), "log"), ...identity });
    await log[Symbol.asyncDispose]();
    await expect(fetch(log.url)).rejects.toThrow();
  });
});

describeWithGo("Sunlight", () => {
  it("sequences chains, is frozen while Skylight serves on, and goes on after it was started again", async () => {
    const directory = join(memoryDirectory(), "sunlight");
    await using first = await startSunlight({ directory, ...identity });
    await submitChains(first, { ...chains, count: 300 });
    expect(await first.freeze()).toMatchObject({ size: 300 });
    await expect(fetch(first.url)).rejects.toThrow();
    expect(await readWithSunlight({ ...first, url: first.monitoringUrl })).toMatchObject({ entries: 300 });
    await first.stop();
    await expect(fetch(first.monitoringUrl)).rejects.toThrow();

    await using again = await startSunlight({ directory, ...identity });
    const { indices } = await submitChains(again, { ...chains, from: 300, count: 1 });
    expect(indices).toEqual([300]);
    const report = await again.stop();
    expect(report.size).toBe(301);
    const stored = { ...again, url: `gzip+file://${again.logDirectory}` };
    const { precertificates, bySigningCertificate } = precertificatesAmong(301);
    expect(await readWithSunlight(stored)).toMatchObject({ entries: 301, precertificates, issuers: ISSUERS });
    expect(await checkPrecertificates(stored)).toEqual({ precertificates, bySigningCertificate });
    const { size, rootHash } = report;
    const compressed = { ...again, url: `file://${again.logDirectory}`, compressed: true };
    expect(await fsckStaticCt(compressed)).toEqual({ size, rootHash });
  });

  it("stores data and names compressed, all else plain, and nothing that a test could not remove", async () => {
    const directory = join(memoryDirectory(), "sunlight");
    await using log = await startSunlight({ directory, ...identity });
    await submitChains(log, { ...chains, count: 300 });
    await log.stop();
    const files = filesBelow(log.logDirectory).filter((path) => !/^(tile|issuer)\//.test(path));
    expect(files).toEqual(["_roots.pem", "checkpoint", "log.v3.json"]);
    for (const path of ["tile/data/000", "tile/names/000"]) {
      expect(gunzipSync(await readFile(join(log.logDirectory, path))).length).toBeGreaterThan(256);
    }
    expect(await readFile(join(log.logDirectory, "tile/0/000"))).toHaveLength(256 * 32);
    rmSync(directory, { recursive: true });
  });

  it("is gone once it is disposed of", async () => {
    const directory = join(memoryDirectory(), "sunlight");
    const log = await startSunlight({ directory, ...identity });
    await log[Symbol.asyncDispose]();
    await expect(fetch(log.url)).rejects.toThrow();
    await expect(fetch(log.monitoringUrl)).rejects.toThrow();
  });
});

describeWithGo("the submitter", () => {
  it("says what a log answers to chains of strangers", async () => {
    await using log = await startTesseraCT({ dir: join(memoryDirectory(), "log"), ...identity });
    const strangers = submitChains(log, { authorities: "strangers", count: 3 });
    await expect(strangers).rejects.toThrow(/chain \d: add-(pre-)?chain answered 400 Bad Request/);
  });

  it("finds SCTs that another key signed", async () => {
    await using log = await startTesseraCT({ dir: join(memoryDirectory(), "log"), ...identity });
    const { publicKey } = await keyOf({ ...identity, key: "another" });
    const submitted = submitChains({ ...(log as CtLog), publicKey }, { ...chains, count: 3 });
    await expect(submitted).rejects.toThrow("the SCT is of another log");
  });
});

describeWithGo("the readers of Static CT logs", () => {
  it("find a changed entry", async () => {
    const log = await makeLog(300);
    await changeByte(join(log.dir, "tile/data/000"), 100);
    await expect(fsckStaticCt({ ...log, timeoutMs: 5000 })).rejects.toThrow("TesseraCT's fsck of");
    await expect(readWithSunlight(log)).rejects.toThrow("hash mismatch for entry 0");
  });

  it("find that an issuer is missing, and that one is another", async () => {
    const log = await makeLog(8);
    const issuers = await readdir(join(log.dir, "issuer"));
    const [first, second] = issuers.map((name) => join(log.dir, "issuer", name)) as [string, string];
    await rename(first, `${first}.away`);
    await expect(fsckStaticCt(log)).rejects.toThrow("Couldn't fetch issuer");
    await expect(readWithSunlight(log)).rejects.toThrow(/no such file|not exist/);
    await writeFile(first, await readFile(second));
    await expect(readWithSunlight(log)).rejects.toThrow("hashes to something else");
    await rm(first);
  });

  it("find that there is no checkpoint", async () => {
    const log = await makeLog(1);
    await rm(join(log.dir, "checkpoint"));
    await expect(fsckStaticCt(log)).rejects.toThrow("TesseraCT's fsck of");
    await expect(readWithSunlight(log)).rejects.toThrow("checkpoint");
  });

  it("find a precertificate that does not give what was logged, which no leaf hash covers", async () => {
    const log = await makeLog(256);
    const { precertificates, bySigningCertificate } = precertificatesAmong(256);
    expect(await checkPrecertificates(log)).toEqual({ precertificates, bySigningCertificate });
    const bundle = join(log.dir, "tile/data/000");
    await changeByte(bundle, placeInPrecertificate(await readFile(bundle)));
    await readWithSunlight(log);
    await expect(checkPrecertificates(log)).rejects.toThrow("gives another TBSCertificate than was logged");
  });
});

/** Where, in some precertificate of a bundle, a letter of its host's name stands. */
function placeInPrecertificate(bundle: Buffer): number {
  const entry = new StaticCtEntry();
  for (let offset = 0; offset < bundle.length; offset = entry.entryEnd) {
    entry.read(bundle, offset);
    const at = bundle.subarray(entry.leafEnd, entry.entryEnd).indexOf(".testca.example");
    if (at >= 0) return entry.leafEnd + at + 1;
  }
  throw new Error("the bundle holds no precertificate");
}

/** Changes a byte of a file. */
async function changeByte(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(path, bytes);
}
