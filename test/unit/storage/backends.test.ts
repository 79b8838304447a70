/** Which backend a location leads to, and what is said where there is none, or where an option is not for it. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../lib/errors.ts";
import { backendWords, describeTarget, migrate, verifyLog } from "../../../lib/index.ts";
import { ArchiveSource } from "../../../storage/archive/source.ts";
import { backendModules, registerBackend } from "../../../storage/backends.ts";
import { GzipSource, PosixSource } from "../../../storage/posix/source.ts";
import { stubEnvironment } from "../../support/environment.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrationOptions } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";
import { openObjects, openTarget } from "../../support/places/open.ts";

const spanner = "projects/p/instances/i/databases/d";

async function openedAs(location: string, options: object): Promise<string> {
  const target = await openTarget(location, { ...options });
  await target.close();
  return target.treeStateName;
}

async function expectUsageError(opening: Promise<unknown>, message: RegExp | string): Promise<void> {
  await expect(opening).rejects.toThrow(UsageError);
  await expect(opening).rejects.toThrow(message);
}

describe("a target in a bucket", () => {
  test("is opened with a database, or as a mirror", async () => {
    expect(await openedAs("gs://bucket/log", { spanner })).toContain(spanner);
    expect(await openedAs("gs://bucket/log", { spanner, treeState: true })).toContain(spanner);
    expect(await openedAs("gs://bucket/log", { treeState: false })).toContain("does not have");
  });

  test.each(["gs://bucket/log", "s3://bucket/log"])("goes with any database: %s", async (url) => {
    stubEnvironment({ AWS_REGION: "eu-west-1" });
    expect(await openedAs(url, { spanner })).toContain(spanner);
    const mysql = "tessera@tcp(db.example:3306)/log";
    expect(await openedAs(url, { mysql })).toContain("mysql://db.example/log");
    await expectUsageError(openedAs(url, { mysql, spanner }), /^--mysql: contradicts --spanner/);
  });

  test("is refused with neither of them, and with both", async () => {
    for (const options of [{}, { treeState: true }]) {
      const message =
        /no log software could take this log over\. Pass --spanner <database> or --mysql <address>, or --no-tree-state/;
      await expectUsageError(openedAs("gs://bucket/log", options), message);
      await expectUsageError(describeTarget("gs://bucket/log", options), message);
    }
    const ofS3 = /Pass --mysql <address> or --spanner <database>, or --no-tree-state/;
    await expectUsageError(describeTarget("s3://bucket/log", {}), ofS3);
    const both = { spanner, treeState: false };
    await expectUsageError(openedAs("gs://bucket/log", both), /--no-tree-state: contradicts --spanner/);
  });

  test("is refused with a table prefix and no database", async () => {
    for (const treeState of [true, false]) {
      const options = { spannerTablePrefix: "a_", treeState };
      await expectUsageError(
        openedAs("gs://bucket/log", options),
        /--spanner-table-prefix: .*Pass --spanner too/,
      );
    }
  });

  test("is described by what names its state", async () => {
    expect(await describeTarget("gs://b/log", { spanner, spannerTablePrefix: "a_" })).toEqual({
      state: ` and the Spanner database ${spanner} with the table prefix a_`,
      verifyOptions: ["--spanner", spanner, "--spanner-table-prefix", "a_"],
      canBeTakenOver: true,
    });
    expect(await describeTarget("gs://b/log", { treeState: false })).toMatchObject({ canBeTakenOver: false });
  });
});

describe("an option of another backend", () => {
  test("is refused for a directory, which has its tree state next to the log", async () => {
    const directory = memoryDirectory();
    expect(await openedAs(directory, { treeState: true })).toContain(".state/treeState");
    const expected = `has no meaning for ${directory} (expected a log at gs://bucket/prefix or s3://bucket/prefix). Leave it out`;
    await expectUsageError(openedAs(directory, { spanner }), `--spanner: ${expected}`);
    await expectUsageError(openedAs(directory, { treeState: false }), `--no-tree-state: ${expected}`);
  });

  const READ_ONLY = [
    "https://log.example/",
    "http://log.example/",
    "archive+file:///zips",
    "serverless+file:///log",
  ];
  test.each(READ_ONLY)("is refused for %s, which is only read", async (log) => {
    const options = { log, format: "tiles", access: { userAgentVersion: "test" } } as const;
    const verifying = verifyLog({ ...options, targetOptions: { spannerTablePrefix: "a_" } });
    await expectUsageError(verifying, `--spanner-table-prefix: has no meaning for ${log}`);
  });
});

describe("an option that has no effect on what is read", () => {
  const directory = () => memoryDirectory();
  const verifying = (log: string, options: object, repairFrom?: string) =>
    verifyLog({
      log,
      format: "tiles",
      access: { userAgentVersion: "test" },
      ...options,
      ...(repairFrom && { repairFrom }),
    });
  const access = { userAgentVersion: "test", header: ["a: b"] };

  test("is refused for a log in files", async () => {
    const log = directory();
    const advice = (forms: string) => `has no meaning for ${log} (expected a log at ${forms}). Leave it out`;
    const words = `--header: ${advice("https://… or http://… or serverless+https://…")}`;
    await expectUsageError(verifying(log, { access }), words);
    await expectUsageError(verifying(log, { requestsPerSecond: 5 }), `--rate: has no meaning for ${log}`);
    const copy = migrate({ ...migrationOptions(testLog({ size: 1 }), log, directory()), access });
    await expectUsageError(copy, words);
  });

  test("is accepted if one of two logs is read by it, if it says who reads, or if the environment sets it", async () => {
    const unreachable = "http://127.0.0.1:9/";
    const repairing = await verifying(directory(), { access, requestsPerSecond: 5 }, unreachable).catch(
      (error) => error,
    );
    expect(repairing.message).not.toContain("no meaning");
    const contact = { userAgentVersion: "test", contact: "a@log.test" };
    const byContact = await verifying(directory(), { access: contact }).catch((error) => error);
    expect(byContact.message).not.toContain("no meaning");
    stubEnvironment({ TLOG_MIGRATE_HEADER: "a: b" });
    const bySetting = await verifying(directory(), { access }).catch((error) => error);
    expect(bySetting.message).not.toContain("no meaning");
  });
});

test("what backends declare is what the command line offers", async () => {
  const words = await backendWords();
  expect(words.targetForms).toEqual([
    "gs://bucket/prefix",
    "s3://bucket/prefix",
    "file:///… or a path",
    "gzip+file:///…",
    "gzip+s3://bucket/prefix",
  ]);
  expect(words.targetOptions.map(({ flags }) => flags.split(" ")[0])).toEqual([
    "--spanner",
    "--spanner-table-prefix",
    "--mysql",
    "--mysql-password-file",
    "--mysql-iam",
    "--mysql-ca",
    "--no-mysql-tls",
    "--no-tree-state",
    "--into-existing",
    "--sunlight-lock",
    "--no-sunlight-lock",
  ]);
});

test.each([
  ["/a dir/log", PosixSource, "/a dir/log"],
  ["file:///a%20dir/log/", PosixSource, "/a dir/log"],
  ["gzip+file:///a%20dir/log/", GzipSource, "gzip+file:///a%20dir/log"],
  ["archive+file:///a dir/log", ArchiveSource, "archive+file:///a%20dir/log"],
  ["gzip+file:///50%25%20of/log", GzipSource, "gzip+file:///50%25%20of/log"],
  ["archive+file:///50%25%20of/log", ArchiveSource, "archive+file:///50%25%20of/log"],
  ["ARCHIVE+FILE:///log", ArchiveSource, "archive+file:///log"],
] as const)("%s is a source", async (location, kind, shown) => {
  const source = await openObjects(location);
  expect(source).toBeInstanceOf(kind);
  expect(source.location).toBe(shown);
});

describe("a URL of a directory", () => {
  const openings: [what: string, open: (location: string) => Promise<unknown>][] = [
    ["source", openObjects],
    ["target", (location) => openedAs(location, {})],
  ];

  test.each(openings)("that no path can follow from is refused as a %s", async (_, opening) => {
    for (const scheme of ["file", "gzip+file", "archive+file"]) {
      if (opening !== openObjects && scheme !== "file") continue;
      const refusal = (rest: string) => opening(`${scheme}:///srv/${rest}`);
      await expectUsageError(refusal("%00"), /has %00, which no path can contain/);
      await expectUsageError(refusal("a%00b"), /has %00, which no path can contain/);
      for (const rest of ["x?y#z", "x?y", "x#z", "x?", "x#"]) {
        await expectUsageError(refusal(rest), /Write %3F for \? and %23 for #$/);
      }
      await expectUsageError(opening(`${scheme}://host/log`), `Write it as ${scheme}:///path`);
    }
  });

  test("or its path may have ? and #", async () => {
    const path = join(memoryDirectory(), "x?y#z%3F");
    for (const location of [path, pathToFileURL(path).href]) {
      expect((await openObjects(location)).location).toBe(path);
    }
  });
});

describe("a location without a backend", () => {
  const targets =
    "gs://bucket/prefix, s3://bucket/prefix, file:///… or a path, gzip+file:///…, gzip+s3://bucket/prefix";

  test("is refused with what would do", async () => {
    await expectUsageError(
      openObjects("ftp://host/log"),
      "ftp://host/log: a source cannot be of the kind ftp (expected https://… or http://…, " +
        "gs://bucket/prefix, s3://bucket/prefix, file:///… or a path, gzip+file:///…, gzip+s3://bucket/prefix, archive+file:///…, " +
        "serverless+https://…, serverless+file:///…)",
    );
    for (const scheme of ["archive+file", "https", "serverless+file", "serverless+https"]) {
      const refused = `${scheme}:///log: a target cannot be of the kind ${scheme} (expected ${targets})`;
      await expectUsageError(openTarget(`${scheme}:///log`), refused);
    }
    await expectUsageError(openTarget("ftp://host/log"), `(expected ${targets})`);
    await expectUsageError(openTarget(""), "target: is empty. Name a URL or a path");
    await expectUsageError(openTarget("http://"), "is not a URL that a target could have");
  });
});

describe("a backend that a program registers", () => {
  test.each(Object.keys(backendModules()))("never takes the place of the one for %s://", (scheme) => {
    expect(() => registerBackend(scheme, "file:///b.js")).toThrow(`${scheme}:// has a backend already`);
  });

  test("is registered once", () => {
    // Of a backend that there is: the registry is that of other tests too, which load every backend.
    const { http = "" } = backendModules();
    registerBackend("once", http);
    expect(backendModules()).toMatchObject({ once: http });
    expect(() => registerBackend("once", "file:///c.js")).toThrow("already");
  });

  test.each(["", "File", "1st", "a:b", "a/b"])("has a scheme that a URL can have: not %o", (scheme) => {
    expect(() => registerBackend(scheme, "file:///b.js")).toThrow("is not a URL scheme");
  });
});
