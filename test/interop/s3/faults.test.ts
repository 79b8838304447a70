/** Copies into S3 that are killed, refused and made to wait; the promises hold all the same. */

import { expect, it } from "vitest";
import { type MigrationOptions, type MigrationReport, migrate } from "../../../lib/index.ts";
import { runCli } from "../../support/cli.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import type { S3Fault } from "../../support/go/s3-server.ts";
import { useS3Server } from "../../support/go/use-s3-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrationOptions } from "../../support/migration.ts";
import { startMigration } from "../../support/migration-process.ts";
import { logDirectory } from "../../support/places/directory.ts";
import { verify } from "../../support/verification.ts";

/** A seal, a bundle beyond it, and a partial one at the edge. */
const log = testLog({ size: 65_536 + 256 + 7, entrySize: 20 });
const small = testLog({ size: 300, entrySize: 20 });

const MIRROR = { targetOptions: { treeState: false }, workers: 2 } as const;

function copy(
  from: string,
  to: string,
  known = log,
  overrides: Partial<MigrationOptions> = {},
): Promise<MigrationReport> {
  return migrate(migrationOptions(known, from, to, { ...MIRROR, saveCheckpoint: true, ...overrides }));
}

const answer = (status: number, code: string, headers?: Record<string, string>) => ({
  answer: { status, code, ...(headers && { headers }) },
});

describeWithGo("a copy into S3 that is killed", () => {
  const s3 = useS3Server();

  it.each<[when: string, moment: S3Fault]>([
    ["while it copies", { method: "PUT", contains: "/tile/entries/", skip: 150, times: 1 }],
    ["before its claim", { method: "PUT", contains: "/.state/tlog-migrate.json" }],
    ["when its claim is stored", { method: "PUT", contains: "/.state/tlog-migrate.json", after: true }],
    ["before its handover", { method: "PUT", contains: "/.state/tlog-migrate.json", skip: 1 }],
    [
      "when its handover is stored",
      { method: "PUT", contains: "/.state/tlog-migrate.json", skip: 1, after: true },
    ],
  ])("%s is finished by the next run", async (_when, moment) => {
    const from = logDirectory(log);
    const to = `s3://${s3().newBucket()}/log`;
    s3().interfere({ ...moment, hang: true });
    const { child, result } = startMigration(log, { url: from }, to, { overrides: MIRROR });
    await expect.poll(() => s3().interferences()[0], { timeout: 60_000 }).toBeGreaterThan(0);
    child.kill("SIGKILL");
    expect(await result).toEqual({ kind: "killed" });
    s3().interfere();
    const report = await copy(from, to);
    expect(report.outcome).toMatch(/handed-over$/);
    if (moment.skip === 150) expect(report.resumedEntries + report.entries).toBe(log.size);
    if (report.outcome === "handed-over")
      expect(await verify(log, to)).toMatchObject({ faults: 0, entries: log.size });
    else expect(await copy(from, to)).toMatchObject({ outcome: "already-handed-over" });
  });
});

describeWithGo("an S3 that is busy", () => {
  const s3 = useS3Server();

  it.each<[what: string, fault: S3Fault]>([
    ["slows down", answer(503, "SlowDown")],
    ["has an internal error", answer(500, "InternalError")],
    ["waited too long for a body", answer(400, "RequestTimeout")],
    ["meets another request", answer(409, "ConditionalRequestConflict")],
    ["finds that credentials have expired", answer(400, "ExpiredToken")],
    ["ends the connection in the middle of a body", { cut: true }],
    ["stores an object and breaks off", { after: true }],
    ["stores an object and answers with an error", { after: true, ...answer(503, "SlowDown") }],
  ])("and %s is asked again, and the copy is whole", async (_what, fault) => {
    const to = `s3://${s3().newBucket()}/log`;
    const puts = ["tile/entries/000", "tile/entries/001.p/44", "tile/1/000.p/1", ".state/", "/checkpoint"];
    s3().interfere(
      ...puts.map((contains) => ({ ...fault, method: "PUT", contains, times: 1 })),
      ...(fault.cut || fault.after ? [] : [{ ...fault, method: "GET", times: 1 }]),
    );
    const report = await copy(logDirectory(small), to, small);
    expect(report).toMatchObject({ outcome: "handed-over", replacedObjects: 0 });
    expect(s3().interferences()).not.toContain(0);
    s3().interfere();
    expect(await verify(small, to)).toMatchObject({ faults: 0, entries: 300 });
  });
});

describeWithGo("an operator is told of", () => {
  const s3 = useS3Server();
  const KEY = ["--vkey", small.vkey, "--workers", "1", "--retries", "2"];

  /** The line with which a copy into a new bucket, and a copy out of it, end. */
  async function linesOf(env: Readonly<Record<string, string | undefined>> = {}, bucket = s3().newBucket()) {
    const lines: string[] = [];
    for (const args of [
      ["copy", logDirectory(small), `s3://${bucket}/log`, "--no-tree-state"],
      ["verify", `s3://${bucket}/log`],
    ]) {
      const { code, stdout, stderr } = await runCli([...args, ...KEY], { env });
      expect({ code: code === 1 || code === 2, stdout }).toEqual({ code: true, stdout: "" });
      lines.push(stderr.trim().split("\n").at(-1) ?? "");
    }
    return lines;
  }

  it.each<[what: string, env: Readonly<Record<string, string | undefined>>, words: RegExp]>([
    ["a wrong secret", { AWS_SECRET_ACCESS_KEY: "wrong" }, /does not accept the credentials/],
    ["a key that is not known", { AWS_ACCESS_KEY_ID: "wrong" }, /does not accept the credentials/],
    ["no credentials", { AWS_ACCESS_KEY_ID: undefined }, /AWS credentials: are unavailable/],
    ["a region that is not the server's", { AWS_REGION: "eu-west-3" }, /AuthorizationHeaderMalformed|region/],
    ["an endpoint that is none", { AWS_ENDPOINT_URL_S3: "x" }, /is not the address of an object store/],
  ])("%s", async (_what, env, words) => {
    for (const line of await linesOf(env)) expect(line).toMatch(words);
  });

  it("a bucket that is not there", async () => {
    for (const line of await linesOf({}, "no-such-bucket")) {
      expect(line).toMatch(/there is no bucket no-such-bucket\. Check its name/);
    }
  });

  it.each<[what: string, fault: S3Fault, words: RegExp]>([
    ["a missing right", answer(403, "AccessDenied"), /Allow s3:ListBucket on bucket-\d+, without which/],
    [
      "a bucket elsewhere",
      answer(301, "PermanentRedirect", { "x-amz-bucket-region": "eu-west-3" }),
      /Set AWS_REGION to eu-west-3/,
    ],
    ["a wrong clock", answer(403, "RequestTimeTooSkewed"), /clock is more than 15 minutes off.*NTP/],
    [
      "credentials that have expired",
      answer(400, "ExpiredToken"),
      /the credentials have expired\. Renew them/,
    ],
  ])("%s", async (_what, fault, words) => {
    s3().interfere(fault);
    for (const line of await linesOf()) expect(line).toMatch(words);
    s3().interfere();
  });
});
