import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { discardLocation, discardPreload } from "../../../bench/discard/discard.ts";
import { HAND_OVER } from "../../support/cli.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, flippedBit } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { filesBelow, memoryDirectory, versionOf } from "../../support/places/directory.ts";

const PROGRAM = join(import.meta.dirname, "../../../cmd/tlog-migrate.ts");

const log = testLog({ size: 70_000 });

async function copy(
  url: string,
  directory: string,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const target = discardLocation(directory, 70_000);
  const args = ["--import", discardPreload(PROGRAM), PROGRAM, "copy", url, target, "--vkey", log.vkey];
  args.push(...HAND_OVER, "--quiet", "--json", "--workers", "2", "--retries", "0");
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, args)) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

describe("a copy into a target that throws the bulk away", () => {
  test("is handed over, with all but the bundles and the full level-0 tiles", async () => {
    const target = memoryDirectory();
    const { code, stdout, stderr } = await copy((await startLogServer(log.objects)).url, target);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ entries: 70_000, size: 70_000 });
    expect(versionOf(target)).toBe("1");
    const kept = [...log.objects.keys()].filter((path) => /^tile\/([1-9]|0\/.*\.p)/.test(path)).sort();
    expect(filesBelow(target).filter((path) => path.startsWith("tile/"))).toEqual(kept);
  });

  test("still refuses what does not authenticate", async () => {
    const server = await startLogServer(log.objects);
    const path = "tile/entries/100";
    server.intercept(path, answerWith(flippedBit(log.object(path), 500)));
    const target = memoryDirectory();
    const { code, stderr } = await copy(server.url, target);
    expect(code).toBe(3);
    expect(stderr).toContain(path);
    expect(versionOf(target)).toMatch(/^migration-in-progress /);
  });
});
