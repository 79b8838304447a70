/** What docs/aws.md has a newcomer try, as it is printed. */

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { logKeys } from "../../logs/log-keys.ts";
import { PROGRAM } from "../../support/cli.ts";
import { executeAll } from "../../support/go/execute.ts";
import { build } from "../../support/go/programs.ts";
import { describeWithMariaDb } from "../../support/go/use-aws.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { closedPlace } from "../../support/http/servers.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const ROOT = join(import.meta.dirname, "../../..");
const textOf = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** The shell blocks of the section, without the continuation of lines. */
function blocks(): [takeover: string, mirror: string] {
  const [, section = ""] = /^## Try it here\n([\s\S]*)/m.exec(textOf("docs/aws.md")) ?? [];
  const found = [...section.matchAll(/```sh\n([\s\S]*?)```/g)];
  const [takeover = "", mirror = ""] = found.map(([, block = ""]) => block.replaceAll(/\\\n\s*/g, ""));
  return [takeover, mirror];
}

describeWithMariaDb("docs/aws.md", () => {
  it("moves a log to servers of one's own with six commands, Tessera goes on, and a mirror is made", async () => {
    const [takeover, mirror] = blocks();
    expect(takeover.trim().split("\n")).toHaveLength(6);
    const versions = [...takeover.matchAll(/(github\.com\/[\w-]+\/[\w-]+)\S*@(v[\d.]+)/g)];
    expect(versions.map(([, module, version]) => `${module} ${version}`)).toHaveLength(2);
    for (const [, module, version] of versions) {
      expect(textOf("test/interop/go.mod")).toContain(`\t${module} ${version}`);
    }
    const [versitygw, tessera] = [await build("versitygw"), await build("tessera-aws")];
    const home = memoryDirectory();
    const log = testLog({ size: 600, origin: "served.test/log" });
    writeFileSync(join(home, "log.key"), logKeys(log.origin, "tlog-migrate", "tiles").privateKey);
    const { url } = await startLogServer(log.objects);
    const ports = await Promise.all(
      ["S3_PORT", "MYSQL_PORT", "ADD_PORT"].map(async () => (await closedPlace()).split(":")[1]),
    );
    const [s3Port, mysqlPort, addPort] = ports;
    const script = `${takeover}echo\n${mirror}`
      .replace(/^go install .*$/m, "")
      .replace(/^go run \S+/m, tessera)
      .replace("deploy/aws/", `${ROOT}/deploy/aws/`)
      .replaceAll("3307", `${mysqlPort}`)
      .replaceAll("2024", `${addPort}`)
      .replaceAll("/srv/", `${home}/`)
      .replaceAll("https://log.example/", url)
      .replaceAll(/'log\.example\+[^']*'/g, `'${log.vkey}'`)
      // No test depends on how fast something is.
      .replace("sleep 5", `until grep -qx 601 "${home}/aws/s3/log/checkpoint"; do sleep 0.1; done`)
      .replaceAll(/(?<=^|; )tlog-migrate /gm, `"${process.execPath}" "${PROGRAM}" `);
    expect(script).not.toMatch(/…|example\b|\bgo /);
    const environment = Object.entries(process.env).filter(([name]) => !/^(AWS|MYSQL)_/.test(name));
    onTestFinished(async () => {
      const end = `for server in $(cat "${home}/aws/pids"); do kill -9 $server; done`;
      await executeAll("sh", ["-c", end], { timeoutMs: 10_000, what: "the end of the servers" });
    });
    const { stdout } = await executeAll("sh", ["-e", "-c", `trap 'kill -9 $!' EXIT\n${script}`], {
      timeoutMs: 120_000,
      what: "the commands of docs/aws.md",
      cwd: home,
      env: {
        ...Object.fromEntries(environment),
        ...{ HOME: home, AWS_EC2_METADATA_DISABLED: "true", S3_PORT: s3Port, MYSQL_PORT: mysqlPort },
        PATH: `${dirname(versitygw)}:${process.env.PATH}`,
      },
    });
    // The index that Tessera gives the new entry.
    expect(stdout).toMatch(/^The log is handed over: s3:\/\/log\/ [\s\S]*\n600The log is sound/m);
    expect(stdout).toMatch(/^ {2}size +601 entries$/m);
    expect(stdout).toMatch(/^The mirror is complete: s3:\/\/mirror\/[\s\S]*^The log is sound/m);
  });
});
