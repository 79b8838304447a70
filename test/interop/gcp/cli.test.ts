/** The program itself, on a bucket and a database: what it prints, where, and how it ends. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runCli } from "../../support/cli.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { memoryDirectory } from "../../support/places/directory.ts";
import { storedLog } from "../../support/verification.ts";

const emulators = useGcpEmulators();
const log = testLog({ size: 700, entrySize: 20 });
const key = ["--vkey", log.vkey];

const unwrapped = (text: string) => text.replace(/\s+/g, " ");

/** Runs the program with one worker; nothing that it prints is a stack trace. */
async function run(...args: readonly string[]) {
  const result = await runCli([...args, "--workers", "1", "--retries", "2"]);
  expect(result.stderr).not.toMatch(/\n\s+at /);
  return result;
}

describeWithGo("tlog-migrate on a bucket and a database", () => {
  it("copies, says what to do next, and that works", async () => {
    const { bucket, database } = await emulators().newHome();
    const target = `gs://${bucket}/log`;
    const state = ["--spanner", database, "--spanner-table-prefix", "my_"];
    const copied = await run("copy", storedLog(log), target, ...key, ...state);
    expect(copied).toMatchObject({ code: 0 });
    expect(copied.stdout).toMatch(/^The log is handed over: gs:\/\//);
    expect(unwrapped(copied.stdout)).toContain(`the Spanner database ${database} with the table prefix my_`);
    expect(copied.stdout).toContain(`tlog-migrate verify ${target}/ ${state.join(" ")}\n`);

    const verified = await run("verify", `${target}/`, ...state);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringMatching(/^The log is sound/) });

    const again = await run("copy", storedLog(log), target, ...key, ...state, "--json", "--quiet");
    expect(again).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(again.stdout)).toMatchObject({ outcome: "already-handed-over", size: 700 });
  });

  it("keeps the tables of two logs in one database apart", async () => {
    const [first, second] = [await emulators().newHome(), await emulators().newHome()];
    const { database } = first;
    for (const [bucket, prefix] of [
      [first.bucket, "one_"],
      [second.bucket, "two_"],
    ] as const) {
      const state = ["--spanner", database, "--spanner-table-prefix", prefix];
      const { code, stdout } = await run(
        "copy",
        storedLog(log),
        `gs://${bucket}`,
        ...key,
        ...state,
        "--json",
      );
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ outcome: "handed-over" });
      expect((await run("verify", `gs://${bucket}`, ...state)).code).toBe(0);
    }
  });

  it("makes a mirror, which is verified by its checkpoint and not changed any more", async () => {
    const { bucket } = await emulators().newHome();
    const target = `gs://${bucket}/mirror/`;
    const mirror = ["--no-tree-state", "--save-checkpoint"];
    const copied = await run("copy", storedLog(log), target, ...key, ...mirror);
    expect(copied.code).toBe(0);
    expect(copied.stdout).toContain(`tlog-migrate verify ${target} --vkey <vkey>\n`);
    expect(copied.stdout).not.toContain("Start the log software");

    const verified = await run("verify", target, ...key, "--json", "--quiet");
    expect(verified).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(verified.stdout)).toMatchObject({ authority: "checkpoint", size: 700, faults: 0 });

    const grown = await run("copy", storedLog(log.atSize(900)), target, ...key, ...mirror);
    expect(grown).toMatchObject({ code: 4, stdout: "" });
    expect(grown.stderr).toMatch(/is a mirror that was finished at size 700 .*Copy into an empty target/);
    expect(grown.stderr).not.toMatch(/log software|frozen/);
  });

  it("says of a mirror without a checkpoint that it cannot be read yet", async () => {
    const { bucket } = await emulators().newHome();
    const { code, stdout } = await run("copy", storedLog(log), `gs://${bucket}`, ...key, "--no-tree-state");
    expect(code).toBe(0);
    expect(unwrapped(stdout)).toContain("--save-checkpoint stores the source's");
    expect(stdout).not.toContain("tlog-migrate verify");
  });

  it("ends with exit code 3 and a line where an object is bad", async () => {
    const { bucket, database } = await emulators().newHome();
    const state = ["--spanner", database];
    await run("copy", storedLog(log), `gs://${bucket}`, ...key, ...state);
    await emulators().putObject(bucket, "tile/entries/000", "spoilt");
    const { code, stdout, stderr } = await run("verify", `gs://${bucket}`, ...state);
    expect(code).toBe(3);
    expect(stdout).toContain("- tile/entries/000: ");
    expect(stderr).toMatch(/1 object of the log is bad.*tile\/entries\/000/);
  });

  it("refuses what it could not do, and writes nothing", async () => {
    const { bucket, database } = await emulators().newHome();
    const [source, target, directory] = [
      storedLog(log),
      `gs://${bucket}/log`,
      join(memoryDirectory(), "copy"),
    ];
    const spanner = ["--spanner", database];
    const NO_MEANING = /has no meaning for .*expected a log at gs:.*Leave it out/;
    for (const [args, message] of [
      [["copy", source, target, ...key], /no log software could take this log over/],
      [
        ["copy", source, target, ...key, ...spanner, "--no-tree-state"],
        /--no-tree-state: contradicts --spanner/,
      ],
      [["copy", source, target, ...key, "--spanner-table-prefix", "a_"], /Pass --spanner too/],
      [["copy", source, directory, ...key, "--spanner-table-prefix", "a_"], NO_MEANING],
      [["copy", source, directory, ...key, ...spanner], NO_MEANING],
      [["copy", source, directory, ...key, "--no-tree-state"], NO_MEANING],
      [["verify", source, ...key, "--spanner-table-prefix", "a_"], NO_MEANING],
      [["verify", source, ...key, ...spanner], NO_MEANING],
      [["verify", "http://127.0.0.1:9/", ...key, ...spanner], NO_MEANING],
    ] as const) {
      const { code, stdout, stderr } = await run(...args);
      expect(stderr).toMatch(message);
      expect({ code, stdout }, args.join(" ")).toEqual({ code: 2, stdout: "" });
    }
    expect([...(await emulators().objects(bucket)).keys()]).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  });
});
