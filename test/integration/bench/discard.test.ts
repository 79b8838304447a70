import { execFile } from "node:child_process";
import { closeSync, copyFileSync, mkdtempSync, openSync, rmSync, symlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { discardPreload } from "../../../bench/discard/discard.ts";
import { startEndless } from "../../../bench/servers/endless.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, flippedBit } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { filesBelow, memoryDirectory, versionOf } from "../../support/places/directory.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PROGRAM = join(ROOT, "cmd/tlog-migrate.ts");

const log = testLog({ size: 70_000 });

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a copy into a target that discards, by a program that was started with the preload for it. */
async function copy(
  { url, vkey }: { readonly url: string; readonly vkey: string },
  directory: string,
  { program = PROGRAM, further = [] as readonly string[] } = {},
): Promise<Ended> {
  const args = ["--import", discardPreload(program), program, "copy", url, `discard://${directory}`];
  args.push("--vkey", vkey, "--quiet", "--workers", "2", ...further);
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, args)) };
  } catch (error) {
    return error as unknown as Ended;
  }
}

/** A log server in this process, as something to copy. */
async function served(): Promise<{
  url: string;
  vkey: string;
  server: Awaited<ReturnType<typeof startLogServer>>;
}> {
  const server = await startLogServer(log.objects);
  return { url: server.url, vkey: log.vkey, server };
}

describe("a copy into a target that throws the bulk away", () => {
  test("is handed over, with all but the bundles and the full level-0 tiles", async () => {
    const target = memoryDirectory();
    const result = await copy(await served(), target);
    expect(result.code, result.stderr).toBe(0);
    expect(versionOf(target)).toBe("1");
    const kept = [...log.objects.keys()].filter((path) => /^tile\/([1-9]|0\/.*\.p)/.test(path)).sort();
    expect(filesBelow(target).filter((path) => path.startsWith("tile/"))).toEqual(kept);
  });

  test("still refuses what does not authenticate", async () => {
    const source = await served();
    const path = "tile/entries/100";
    source.server.intercept(path, answerWith(flippedBit(log.object(path), 500)));
    const target = memoryDirectory();
    const result = await copy(source, target, { further: ["--retries", "0"] });
    expect(result.code).toBe(3);
    expect(result.stderr).toContain(path);
    expect(versionOf(target)).toMatch(/^migration-in-progress /);
  });

  test("goes on from its seals", async () => {
    const source = await served();
    const target = memoryDirectory();
    expect((await copy(source, target, { further: ["--no-handover"] })).code).toBe(0);
    const before = source.server.requests.length;
    const result = await copy(source, target);
    expect(result.code, result.stderr).toBe(0);
    expect(source.server.requests.length - before).toBeLessThan(30);
  });

  test("is not handed over where something was never thrown away", async () => {
    const source = await served();
    const target = memoryDirectory();
    expect((await copy(source, target, { further: ["--no-handover"] })).code).toBe(0);
    const notes = openSync(join(target, ".state/discarded/tiles"), "r+");
    writeSync(notes, new Uint16Array(1), 0, 2, 2 * 77);
    closeSync(notes);
    const result = await copy(source, target);
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(/tile\/entries\/077: is missing/);
  });

  test("is refused where a log is", async () => {
    const target = memoryDirectory();
    const source = await served();
    expect((await copy(source, target)).code).toBe(0);
    const other = await startEndless({ size: 100, entrySize: 10 });
    onTestFinished(() => other.close());
    expect((await copy(other, target)).code).toBe(4);
  });
});

describe("the compiled program", () => {
  const home = mkdtempSync(join(tmpdir(), "tlog-migrate-"));
  const program = join(home, "dist/cmd/tlog-migrate.js");
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  beforeAll(async () => {
    copyFileSync(join(ROOT, "package.json"), join(home, "package.json"));
    symlinkSync(join(ROOT, "node_modules"), join(home, "node_modules"));
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    const args = ["-p", join(ROOT, "tsconfig.build.json"), "--outDir", join(home, "dist")];
    await promisify(execFile)(process.execPath, [compiler, ...args]);
  });

  test("knows such targets by the same preload", async () => {
    const target = memoryDirectory();
    const result = await copy(await served(), target, { program });
    expect(result.code, result.stderr).toBe(0);
    expect(versionOf(target)).toBe("1");
  });

  test("knows the failures of such targets", async () => {
    const target = memoryDirectory();
    const source = await served();
    expect((await copy(source, target, { program })).code).toBe(0);
    const other = await startEndless({ size: 100, entrySize: 10 });
    onTestFinished(() => other.close());
    expect((await copy(other, target, { program })).code).toBe(4);
  });
});
