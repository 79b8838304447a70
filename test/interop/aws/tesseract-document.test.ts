/** What docs/aws.md has an operator of TesseraCT do, as it is printed. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PROGRAM } from "../../support/cli.ts";
import { keyOf, rootsOf } from "../../support/go/ct-logs.ts";
import { submitChains } from "../../support/go/ct-submissions.ts";
import { FIRST, IDENTITY, newCtDirectory, tesseraCTLog } from "../../support/go/ct-takeover.ts";
import { executeAll } from "../../support/go/execute.ts";
import { readLog } from "../../support/go/log-files.ts";
import { startServer } from "../../support/go/supervised.ts";
import { describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { listEntry, listText } from "../../support/logs/log-list.ts";
import { memoryDirectory, writeFiles } from "../../support/places/directory.ts";

const TEXT = readFileSync(join(import.meta.dirname, "../../../docs/aws.md"), "utf8");

describeWithMariaDb("docs/aws.md", () => {
  useGoPrograms("ctkit", "tesseract-aws");
  const aws = useAws();

  it("has commands by which TesseraCT takes over a Static CT log", async () => {
    const [source, home, directory] = [newCtDirectory(), await aws().newCtHome(), memoryDirectory()];
    const log = await tesseraCTLog(source, 300);
    const { url } = await startLogServer(readLog(source.dir));
    const listed = listEntry(log.publicKey, {
      submission_url: `https://${log.origin}/`,
      monitoring_url: `${url}/`,
    });
    const { privatePem, publicPem } = await keyOf(IDENTITY);
    writeFiles(directory, [
      ["log_list.json", Buffer.from(listText({ tiled_logs: [listed] }))],
      ["roots.pem", Buffer.from(await rootsOf([FIRST]))],
      ["private.pem", Buffer.from(privatePem)],
      ["public.pem", Buffer.from(publicPem)],
    ]);
    const [, block = ""] = /## TesseraCT\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(TEXT) ?? [];
    const [, , copy = "", install, run = ""] = block
      .replaceAll(/\\\n\s*/g, "")
      .replaceAll("2026h2", "2026h1")
      .replaceAll(/(s3:\/\/|--bucket )ct\b/g, `$1${home.bucket}`)
      .replaceAll(/(:3307\/|--db_name )ct\b/g, `$1${home.sql.name}`)
      .replaceAll("--antispam_db_name antispam", `--antispam_db_name ${home.antispam.name}`)
      .replaceAll("3307", `${aws().sql.proxyPort}`)
      .replaceAll("--db_password secret", `--db_password ${aws().sql.env.MYSQL_PWD}`)
      .replaceAll("https://log.example/2026h1/", `${url}/`)
      .replaceAll(/\w+\.(pem|json)/g, `${directory}/$&`)
      .replace(/^tlog-migrate /m, `"${process.execPath}" "${PROGRAM}" `)
      .split("\n");
    const { stdout } = await executeAll("sh", ["-c", copy], {
      timeoutMs: 60_000,
      what: copy,
      env: process.env,
    });
    expect(stdout).toMatch(/^The log is handed over/);
    expect(install).toContain("github.com/transparency-dev/tesseract/cmd/tesseract/aws@v0.1.2");
    const [region = "", program, ...args] = run.split(" ");
    expect(program).toBe("/srv/aws/bin/aws");
    await using server = await startServer("tesseract-aws", {
      args: (port) => args.map((arg) => arg.replace(/^127\.0\.0\.1:6962$/, `127.0.0.1:${port}`)),
      readyPath: "/2026h1/ct/v1/get-roots",
      env: { ...home.env, ...Object.fromEntries([region.split("=")]) },
    });
    const taken = { ...log, url: server.url, monitoringUrl: "" };
    expect((await submitChains(taken, { authorities: FIRST, from: 300, count: 1 })).indices).toEqual([300]);
  });
});
