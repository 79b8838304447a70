import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HAND_OVER, runCli } from "../../support/cli.ts";
import { HAS_NATIVE_HASHER } from "../../support/hashers.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";

const chosen = (TLOG_MIGRATE_HASHER: string | undefined) => ({ env: { TLOG_MIGRATE_HASHER } });

for (const name of ["javascript", "native"]) {
  describe.skipIf(name === "native" && !HAS_NATIVE_HASHER)(`TLOG_MIGRATE_HASHER=${name}`, () => {
    test("chooses the hasher, and --version tells it", async () => {
      expect((await runCli(["--version"], chosen(name))).stdout).toContain(`(hasher: ${name})`);
    });

    test.each(["tiles", "static-ct"] as const)("copies and verifies %s, and says by what", async (format) => {
      const log = testLog({ size: 600, format });
      const server = await startLogServer(log.objects);
      const target = join(temporaryDirectory(), "log");
      const copied = await runCli(
        ["copy", server.url, target, "--vkey", log.vkey, "--format", format, ...HAND_OVER, "--json"],
        chosen(name),
      );
      expect(copied.code).toBe(0);
      expect(JSON.parse(copied.stdout)).toMatchObject({ hasher: name, entries: log.size });
      const verified = await runCli(["verify", target, "--format", format], chosen(name));
      expect(verified.code).toBe(0);
      expect(verified.stdout).toContain(`entries/s (${name} hasher)\n`);
    });
  });
}

test("the native hasher runs unasked where it is there", async () => {
  const { stdout } = await runCli(["--version"], chosen(undefined));
  expect(stdout).toContain(`(hasher: ${HAS_NATIVE_HASHER ? "native" : "javascript"})`);
});

test.each([["--version"], ["verify", "/nonexistent"], ["copy", "/nonexistent", "/nonexistent/target"]])(
  "a hasher that does not exist is wrong use, told in one line before any work: %s",
  async (...args) => {
    const { code, stdout, stderr } = await runCli(args, chosen("quantum"));
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^tlog-migrate: TLOG_MIGRATE_HASHER: [^\n]*quantum[^\n]*\n$/);
  },
);

test("help comes whatever the environment says", async () => {
  expect(await runCli(["--help"], chosen("quantum"))).toMatchObject({ code: 0, stderr: "" });
});
