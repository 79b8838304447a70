import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HAND_OVER } from "../support/cli.ts";
import { HAS_COMPILER } from "../support/hashers.ts";
import { startLogServer } from "../support/http/misbehaving-log-server.ts";
import { installPackage, run } from "../support/installed-package.ts";
import { testLog } from "../support/logs/generated-log.ts";
import { crawlPage, spawnWatched } from "../support/watched-run.ts";

describe("the published package", () => {
  it("carries a compiled program that copies a log, and the types of a library", async () => {
    const log = testLog({ size: 600 });
    const server = await startLogServer(log.objects);
    const user = await installPackage();
    const home = join(user, "node_modules/tlog-migrate");
    const { bin, exports, version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    const program = join(home, bin["tlog-migrate"]);

    expect((await run(process.execPath, [program, "--version"])).stdout).toContain(version);
    const target = join(user, "target");
    const { stdout } = await run(process.execPath, [
      program,
      "copy",
      server.url,
      target,
      "--vkey",
      log.vkey,
      ...HAND_OVER,
      "--json",
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ size: 600, entries: 600 });
    expect(readFileSync(join(target, ".state/version"), "utf8")).toBe("1");

    const held = server.hold("tile/entries/000");
    const { child, url } = await spawnWatched(["copy", server.url, `${target}-2`, "--vkey", log.vkey], {
      program,
    });
    await held.reached;
    const page = await crawlPage(url);
    expect([...page.keys()]).toEqual(
      expect.arrayContaining(["/page/client/page.js", "/uplot.js", "/report/units.js"]),
    );
    child.kill("SIGKILL");

    const types = readFileSync(join(home, exports["."].types), "utf8");
    expect(types).toContain("migrate");
    const imported =
      'import { migrate, verifyLog } from "tlog-migrate"; console.log(typeof migrate, typeof verifyLog);';
    const asLibrary = await run(process.execPath, ["--input-type=module", "-e", imported], { cwd: user });
    expect(asLibrary.stdout).toBe("function function\n");
    const shipped = readdirSync(home).toSorted();
    expect(shipped).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "cmd",
      "dist",
      "docs",
      "lib",
      "package.json",
    ]);
    const documents = readdirSync(join(import.meta.dirname, "../../docs")).filter((name) =>
      /\.(md|1)$/.test(name),
    );
    expect(readdirSync(join(home, "docs"))).toEqual(documents);
    expect(readdirSync(join(home, "cmd"))).toEqual([
      "check-installation.cjs",
      "import-program.cjs",
      "start.cjs",
    ]);
    expect(readdirSync(join(home, "lib/tlog/hasher/native"))).toEqual([
      "build.js",
      "bundle-hasher.c",
      "sha256-lanes.c",
      "sha256.c",
      "sha256.h",
    ]);
  });

  it("says in a line what to install for places whose packages npm did not install with it", async () => {
    const user = await installPackage();
    const program = join(user, "node_modules/tlog-migrate/cmd/start.cjs");
    const insecure = ["--insecure-no-signature", "--spanner", "projects/p/instances/i/databases/d"];
    const failure = (...args: string[]) =>
      run(process.execPath, [program, ...args]).then(
        () => undefined,
        (error: { readonly code: number; readonly stderr: string }) => error,
      );

    for (const args of [
      ["copy", user, "gs://bucket/log", ...insecure],
      ["verify", "gs://bucket/log", ...insecure],
      ["abandon", "gs://bucket/log", ...insecure.slice(1)],
    ]) {
      const { code, stderr } = (await failure(...args)) ?? {};
      expect(stderr).toMatch(
        /^tlog-migrate: gs:\/\/bucket\/log: needs optional packages that are not installed [^\n]*`npm install @google-cloud\/storage@\d+ google-auth-library@\d+ @google-cloud\/spanner@\d+`[^\n]*\n$/,
      );
      expect(code).toBe(2);
    }
    const source = await failure("copy", "gs://bucket/log", join(user, "target"), "--insecure-no-signature");
    expect(source?.stderr).toContain("`npm install google-auth-library@");
  });

  it("builds its native hasher when npm installs it, and does without where there is no compiler", async () => {
    const user = await installPackage();
    const program = join(user, "node_modules/tlog-migrate/cmd/start.cjs");
    const hasher = async (): Promise<string> => (await run(process.execPath, [program, "--version"])).stdout;
    const runInstallScripts = (CC?: string) =>
      run("npm", ["rebuild", "--offline", "tlog-migrate"], { cwd: user, CC });

    expect(await hasher()).toContain("(hasher: javascript)");
    await runInstallScripts();
    expect(await hasher()).toContain(`(hasher: ${HAS_COMPILER ? "native" : "javascript"})`);
    await runInstallScripts("/nonexistent/cc");
    expect(await hasher()).toContain("(hasher: javascript)");
  });
});
