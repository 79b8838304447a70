/** The program itself, on a bucket and a database: what it prints, where, and how it ends. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HAND_OVER, runCli } from "../../support/cli.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { notFound } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { logDirectory, memoryDirectory } from "../../support/places/directory.ts";

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

/** Copies, and hands over. */
const copy = (...args: readonly string[]) => run("copy", ...args, ...HAND_OVER);

describeWithGo("tlog-migrate on a bucket and a database", () => {
  it("copies, says what to do next, and that works", async () => {
    const { bucket, database } = await emulators().newHome();
    const target = `gs://${bucket}/log`;
    const state = ["--spanner", database, "--spanner-table-prefix", "my_"];
    const copied = await copy(logDirectory(log), target, ...key, ...state);
    expect(copied).toMatchObject({ code: 0 });
    expect(copied.stdout).toMatch(/^The log is handed over: gs:\/\//);
    expect(unwrapped(copied.stdout)).toContain(`the Spanner database ${database} with the table prefix my_`);
    expect(copied.stdout).toContain(`tlog-migrate verify ${target}/ ${state.join(" ")}\n`);

    const verified = await run("verify", `${target}/`, ...state);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringMatching(/^The log is sound/) });

    const again = await copy(logDirectory(log), target, ...key, ...state, "--json", "--quiet");
    expect(again).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(again.stdout)).toMatchObject({ outcome: "already-handed-over", size: 700 });
  });

  it("hands nothing over before it is told to, and takes back what it is told to", async () => {
    const { bucket, database } = await emulators().newHome();
    for (const state of [["--spanner", database], ["--no-tree-state"]]) {
      const target = `gs://${bucket}/${state.length}/`;
      const places = [logDirectory(log), target];
      const copied = await run("copy", ...places, ...key, ...state);
      expect(copied).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Copied and checked; not/) });
      expect(await copy(...places, ...key, ...state)).toMatchObject({ code: 0 });
      const taken = await runCli(["abandon", target, ...state]);
      expect(taken).toMatchObject({ code: 0, stdout: expect.stringMatching(/^The handover is taken back/) });
      const again = await copy(...places, ...key, ...state, "--json");
      expect(JSON.parse(again.stdout)).toMatchObject({ outcome: "handed-over", resumedEntries: 700 });
    }
  });

  it("gives up a claim under which nothing is stored, and leaves nothing of it", async () => {
    const { bucket, database } = await emulators().newHome();
    const [target, state] = [`gs://${bucket}/log/`, ["--spanner", database]];
    const small = testLog({ size: 200, entrySize: 20 });
    const server = await startLogServer(small.objects);
    let asked = 0;
    server.intercept("tile/entries/000.p/200", (request, response, next) =>
      ++asked === 1 ? next() : notFound(request, response, next),
    );
    const stopped = await copy(server.url, target, "--vkey", small.vkey, ...state);
    expect(stopped).toMatchObject({ code: 3 });
    const given = await runCli(["abandon", target, ...state, "--json"]);
    expect(JSON.parse(given.stdout)).toMatchObject({ outcome: "claim-removed", size: 200 });
    const other = testLog({ size: 300, seed: "another" });
    const copied = await copy(logDirectory(other), target, "--vkey", other.vkey, ...state);
    expect(copied).toMatchObject({ code: 0 });
  });

  it("keeps the tables of two logs in one database apart", async () => {
    const [first, second] = [await emulators().newHome(), await emulators().newHome()];
    const { database } = first;
    for (const [bucket, prefix] of [
      [first.bucket, "one_"],
      [second.bucket, "two_"],
    ] as const) {
      const state = ["--spanner", database, "--spanner-table-prefix", prefix];
      const places = [logDirectory(log), `gs://${bucket}`];
      const { code, stdout } = await copy(...places, ...key, ...state, "--json");
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ outcome: "handed-over" });
      expect((await run("verify", `gs://${bucket}`, ...state)).code).toBe(0);
    }
  });

  it("makes a mirror, which is verified by its checkpoint and not changed any more", async () => {
    const { bucket } = await emulators().newHome();
    const target = `gs://${bucket}/mirror/`;
    const mirror = ["--no-tree-state", "--save-checkpoint"];
    const copied = await copy(logDirectory(log), target, ...key, ...mirror);
    expect(copied.code).toBe(0);
    expect(copied.stdout).toContain(`tlog-migrate verify ${target} --vkey <vkey>\n`);
    expect(copied.stdout).not.toContain("Start the log software");

    const verified = await run("verify", target, ...key, "--json", "--quiet");
    expect(verified).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(verified.stdout)).toMatchObject({ authority: "checkpoint", size: 700, faults: 0 });

    const grown = await copy(logDirectory(log.atSize(900)), target, ...key, ...mirror);
    expect(grown).toMatchObject({ code: 4, stdout: "" });
    expect(grown.stderr).toMatch(/is a mirror that was finished at size 700 .*Copy into an empty target/);
    expect(grown.stderr).not.toMatch(/log software|stopped/);
  });

  it("says of a mirror without a checkpoint that it cannot be read yet", async () => {
    const { bucket } = await emulators().newHome();
    const { code, stdout } = await copy(logDirectory(log), `gs://${bucket}`, ...key, "--no-tree-state");
    expect(code).toBe(0);
    expect(unwrapped(stdout)).toContain("--save-checkpoint stores the source's");
    expect(stdout).not.toContain("tlog-migrate verify");
  });

  it("ends with exit code 3 and a line where an object is bad", async () => {
    const { bucket, database } = await emulators().newHome();
    const state = ["--spanner", database];
    await copy(logDirectory(log), `gs://${bucket}`, ...key, ...state);
    await emulators().putObject(bucket, "tile/entries/000", "spoilt");
    const { code, stdout, stderr } = await run("verify", `gs://${bucket}`, ...state);
    expect(code).toBe(3);
    expect(stdout).toContain("- tile/entries/000: ");
    expect(stderr).toMatch(/1 object of the log is bad.*tile\/entries\/000/);
  });

  it("refuses what it could not do, and writes nothing", async () => {
    const { bucket, database } = await emulators().newHome();
    const [source, target] = [logDirectory(log), `gs://${bucket}/log`];
    const directory = join(memoryDirectory(), "copy");
    const spanner = ["--spanner", database];
    const both = [...spanner, "--no-tree-state"];
    const NO_MEANING = /has no meaning for .*expected a log at gs:.*Leave it out/;
    for (const [args, message] of [
      [["copy", source, target, ...key], /no log software could take this log over/],
      [["copy", source, target, ...key, ...both], /--no-tree-state: contradicts --spanner/],
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
