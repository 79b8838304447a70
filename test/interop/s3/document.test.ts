/** What docs/aws.md has a newcomer try, as it is printed. */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { PROGRAM } from "../../support/cli.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { executeAll } from "../../support/go/execute.ts";
import { build } from "../../support/go/programs.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { closedPlace } from "../../support/http/servers.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const TEXT = readFileSync(join(import.meta.dirname, "../../../docs/aws.md"), "utf8");

describeWithGo("docs/aws.md", () => {
  it("has commands by which a mirror is made and verified on a server of one's own", async () => {
    const [program, home, address] = [await build("versitygw"), memoryDirectory(), await closedPlace()];
    const log = testLog({ size: 600, origin: "served.test/log" });
    const { url } = await startLogServer(log.objects);
    const [, block = ""] = /## Try it here\n\n```sh\n([\s\S]*?)```/.exec(TEXT) ?? [];
    expect(block).toContain("versitygw@v1.8.0\n");
    const script = block
      .replace(/^go install .*$/m, "")
      .replaceAll("127.0.0.1:7070", address)
      .replaceAll("/srv/", `${home}/`)
      .replaceAll("https://log.example/", url)
      .replaceAll(/'log\.example\+[^']*'/g, `'${log.vkey}'`)
      .replaceAll(/^tlog-migrate /gm, `"${process.execPath}" "${PROGRAM}" `);
    expect(script).not.toMatch(/…|example/);
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("AWS_"));
    const { stdout } = await executeAll("sh", ["-e", "-c", `trap 'kill $!' EXIT\n${script}`], {
      timeoutMs: 60_000,
      what: "the commands of docs/aws.md",
      env: {
        ...Object.fromEntries(environment),
        HOME: home,
        AWS_EC2_METADATA_DISABLED: "true",
        PATH: `${dirname(program)}:${process.env.PATH}`,
      },
    });
    expect(stdout).toMatch(/^The mirror is complete: s3:\/\/bucket\/log\/[\s\S]*^The log is sound/m);
  });
});
