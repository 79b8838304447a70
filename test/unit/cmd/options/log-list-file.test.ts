import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readLogList } from "../../../../cmd/options/log-list-file.ts";
import { UsageError } from "../../../../lib/index.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { listEntry, listText } from "../../../support/logs/log-list.ts";
import { temporaryDirectory } from "../../../support/places/temp.ts";

const MODULE = join(import.meta.dirname, "../../../../cmd/options/log-list-file.ts");

const { publicKey = "" } = testLog({ size: 1, format: "static-ct" });

function fileWith(text: string): string {
  const path = join(temporaryDirectory(), "list.json");
  writeFileSync(path, text);
  return path;
}

describe("the file of a log list", () => {
  test("is read to its end", () => {
    const logs = Array.from({ length: 2_000 }, (_, shard) =>
      listEntry(publicKey, { url: `https://log.test/${shard}/` }),
    );
    expect(readLogList(fileWith(listText({ logs })))).toHaveProperty("logs.length", 2_000);
  });

  test("may be a pipe", () => {
    const padding = "x".repeat(300_000);
    const list = fileWith(JSON.stringify(listEntry(publicKey, { url: "https://log.test/1/", padding })));
    const program = `
      import { readLogList } from ${JSON.stringify(MODULE)};
      console.log(readLogList("/dev/stdin").log.origin);`;
    const command = 'cat "$1" | "$0" --input-type=module --eval "$2"';
    const { stdout } = spawnSync("sh", ["-c", command, process.execPath, list, program]);
    expect(stdout.toString()).toBe("log.test/1\n");
  });

  test("is refused in one line if it cannot be read, is too large, or is no list", () => {
    const large = fileWith("");
    const file = openSync(large, "w");
    ftruncateSync(file, 20_000_001);
    closeSync(file);
    const cases: [path: string, words: string][] = [
      ["/nowhere/list.json", "cannot be read (no such file or directory)"],
      [temporaryDirectory(), "cannot be read (illegal operation on a directory)"],
      [large, "is too large for a log list (expected ≤ 20000000 bytes)"],
      [fileWith("<html>\n"), "is no log list: it is not JSON"],
      [
        fileWith(JSON.stringify(listEntry(publicKey, { url: "https://x/", log_id: "A\nB" }))),
        `the log has a log_id that is not the SHA-256 of its key (expected ${listEntry(publicKey, {}).log_id}, found A B)`,
      ],
    ];
    for (const [path, words] of cases) {
      expect(() => readLogList(path)).toThrow(UsageError);
      expect(() => readLogList(path)).toThrow(`--log-list ${path}: ${words}`);
    }
  });
});
