/** The Go programs of this folder, and how they are built. */
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { constants, copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execute } from "./execute.ts";

const moduleDir = join(import.meta.dirname, "../../interop");
const binDir = join(moduleDir, "bin");
const buildTimeoutMs = 540_000;
const migrate = "github.com/transparency-dev/tessera/cmd/experimental/migrate";

/** The programs of the Go module: the path below `bin/`, and the package that it is built from. */
const programs = {
  tesserakit: "./tesserakit",
  gcpkit: "./gcpkit",
  awskit: "./awskit",
  ctkit: "./ctkit",
  "tessera-migrate-posix": `${migrate}/posix`,
  "tessera-migrate-gcp": `${migrate}/gcp`,
  "tessera-migrate-aws": `${migrate}/aws`,
  "tessera-aws": "github.com/transparency-dev/tessera/cmd/conformance/aws",
  "tesseract-aws": "github.com/transparency-dev/tesseract/cmd/tesseract/aws",
  "tesseract-fsck": "github.com/transparency-dev/tesseract/cmd/fsck",
  "rekor-gcpcloudsql": "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/gcpcloudsql",
  sunlight: "filippo.io/sunlight/cmd/sunlight",
  skylight: "filippo.io/sunlight/cmd/skylight",
  versitygw: "github.com/versity/versitygw/cmd/versitygw",
} as const;
export type Program = keyof typeof programs;

/** Most programs need no C compiler, and get the same build whether there is one or not. */
const withoutC = { flags: [], env: { CGO_ENABLED: "0" } };

/**
 * Sunlight holds SQLite, in C: unoptimised, it compiles in a fifth of the time. The tags keep the rest of the program
 * free of C, so that it is built from the same packages as the others.
 */
const withC = { flags: ["-tags=netgo,osusergo"], env: { CGO_ENABLED: "1", CGO_CFLAGS: "-O0 -g0" } };

let goFound: boolean | undefined;

export function goAvailable(): boolean {
  goFound ??= spawnSync("go", ["version"], { stdio: "ignore" }).status === 0;
  return goFound;
}

const builds = new Map<Program, Promise<string>>();

/** Builds a program once in this process and returns its path. */
export function build(program: Program): Promise<string> {
  const built = builds.get(program) ?? buildNow(program);
  builds.set(program, built);
  return built;
}

/**
 * Others may run the same program meanwhile: the build goes to a name of its own and is renamed into place. A copy
 * of the last build lets `go build` see that there is nothing to do. Two builds at once would both compile all that
 * they share.
 */
async function buildNow(program: Program): Promise<string> {
  const path = join(binDir, program);
  const staging = join(binDir, `.${program}.${randomUUID()}`);
  await mkdir(binDir, { recursive: true });
  await using _lock = await lockFile(join(binDir, ".building"), buildTimeoutMs);
  try {
    await copyFile(path, staging, constants.COPYFILE_FICLONE).catch(ignoreMissing);
    const { flags, env } = program === "sunlight" ? withC : withoutC;
    await execute("go", ["build", "-buildvcs=false", ...flags, "-o", staging, programs[program]], {
      timeoutMs: buildTimeoutMs,
      what: `go build ${programs[program]}`,
      cwd: moduleDir,
      env: { ...process.env, ...env },
    });
    await rename(staging, path);
  } finally {
    await rm(staging, { force: true });
  }
  return path;
}

export async function testGoPackages(pattern: string): Promise<void> {
  await execute("go", ["test", pattern], {
    timeoutMs: buildTimeoutMs,
    what: `go test ${pattern}`,
    tellStdout: true,
    cwd: moduleDir,
    env: { ...process.env, ...withoutC.env },
  });
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") {
    throw error;
  }
}

/**
 * Waits until no other live process holds the file, and holds it until it is disposed of. A process that was killed
 * holds nothing.
 */
async function lockFile(path: string, timeoutMs: number): Promise<AsyncDisposable> {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(100)) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || Date.now() > deadline) throw error;
    }
    const holder = Number(await readFile(path, "utf8").catch(() => ""));
    if (holder > 0 && !isAlive(holder)) await rm(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
