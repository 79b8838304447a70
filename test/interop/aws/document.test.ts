/** What docs/aws.md has a newcomer try with MySQL, as it is printed. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PROGRAM } from "../../support/cli.ts";
import { executeAll } from "../../support/go/execute.ts";
import { describeWithMariaDb } from "../../support/go/use-aws.ts";
import { useS3Server } from "../../support/go/use-s3-server.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { closedPlace } from "../../support/http/servers.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const TEXT = readFileSync(join(import.meta.dirname, "../../../docs/aws.md"), "utf8");

describeWithMariaDb("docs/aws.md", () => {
  const s3 = useS3Server();

  it("has commands by which a log is copied for Tessera and verified on servers of one's own", async () => {
    const [home, address, bucket] = [memoryDirectory(), await closedPlace(), s3().newBucket()];
    const log = testLog({ size: 600, origin: "served.test/log" });
    const { url } = await startLogServer(log.objects);
    const [, block = ""] = /## Try a takeover here\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(TEXT) ?? [];
    const asRoot = process.getuid?.() === 0 ? " --user=root" : "";
    const script = block
      .replace(/^sudo apt-get install .*$/m, "")
      .replace(/^mkdir .*$/m, "")
      .replaceAll("--no-defaults", `--no-defaults${asRoot}`)
      .replaceAll("s3://log", `s3://${bucket}`)
      .replaceAll("127.0.0.1:3307", address)
      .replaceAll("--port=3307", `--port=${address.split(":")[1]}`)
      .replaceAll("/srv/", `${home}/`)
      .replaceAll("https://log.example/", url)
      .replaceAll(/'log\.example\+[^']*'/g, `'${log.vkey}'`)
      .replaceAll(/tlog-migrate (?=copy|verify)/g, `"${process.execPath}" "${PROGRAM}" `);
    expect(script).not.toMatch(/…|example|3307/);
    const { stdout } = await executeAll("sh", ["-e", "-c", `trap 'kill -9 $!' EXIT\n${script}`], {
      timeoutMs: 100_000,
      what: "the commands of docs/aws.md",
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    expect(stdout).toMatch(/^The log is handed over: s3:\/\/[\s\S]*^The log is sound/m);
  });
});
