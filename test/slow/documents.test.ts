/**
 * The commands of the documents, run as they are printed, one document after the other as its reader would: in a clean
 * clone, by the package as npm installs it, on a log that is served here. A new command is run too, or its name has to
 * be found among those that are not.
 */

import { execFile, execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { once } from "../../storage/shared/memoize.ts";
import { startLogServer } from "../support/http/misbehaving-log-server.ts";
import { packProject } from "../support/installed-package.ts";
import { testLog } from "../support/logs/generated-log.ts";
import { listEntry, listText } from "../support/logs/log-list.ts";
import { writeArchive } from "../support/places/archive.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Commands that are not run, and why. */
const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/^podman /, "needs podman, and images from a registry: the workflow builds and starts the container"],
  [/^curl /, "fetches the list of a browser, in place of which there is one of the test's log"],
  [/ gs:\/\//, "needs a bucket and a database: test/interop/gcp runs it on emulators"],
  [
    / (gzip\+)?s3:\/\/|versitygw|\/tesseract\/|^(export )?(AWS_|MYSQL_)/,
    "needs a bucket: test/interop/s3 and aws run it on versitygw and MariaDB",
  ],
  [/ gzip\+file:/, "needs a directory of Sunlight's: test/interop/static-ct runs it"],
  [/^npm (ci|run demo:queue)$/, "is for a clone: test/slow/bench/demo.test.ts runs the demonstration"],
  [/^aws dynamodb /, "needs DynamoDB, and is for Sunlight's lock there: nothing of this tool's"],
  [/^npm pack$/, "is how this test packs the package"],
  [/ --queue /, "needs a server of queues: test/interop/queue runs it on Redis and Postgres"],
  [/^deploy\/aws\/|^mariadb |MYSQL_PWD/, "needs a database: test/interop/aws runs it on MariaDB"],
  [/^npm (test|run demo)$/, "is a stage of .ci/run itself"],
  [/ --min-index /, "needs a log without its beginning: test/integration/migrate/pruned.test.ts runs it"],
  [/ serverless\+/, "needs a serverless log: test/slow/storage/serverless.test.ts runs it"],
  [/ --http 8080$/, "needs a port of its own: test/slow/cmd/http.test.ts runs it on a free one"],
  [/^npm run docs$/, "writes the documents, which a test compares with the program"],
  [/^npm rebuild tlog-migrate$/, "is a test of the package"],
];

const documents = ["README.md", ...globSync("docs/*.md", { cwd: ROOT }).toSorted()]
  .map((path) => ({ path, commands: commandsOf(readFileSync(join(ROOT, path), "utf8")) }))
  .filter(({ commands }) => commands.length > 0);

const reasonOf = (command: string): string | undefined =>
  NOT_RUN.find(([pattern]) => pattern.test(command))?.[1];

/** The lines of a document's shell blocks, and the whole commands in its prose, in their order. */
function commandsOf(text: string): string[] {
  const found = text.matchAll(/^ *```sh\n([\s\S]*?)^ *```$|`((?:tlog-migrate|npm) [^`<…]*)`/gm);
  return [...found].flatMap(([, block, inline = ""]) => {
    const lines = block?.replaceAll(/\\\n\s*/g, "").split("\n") ?? [inline];
    return lines.map((line) => line.replace(/(^|\s+)# .*$/, "").trim()).filter((line) => line !== "");
  });
}

const home = mkdtempSync(join(tmpdir(), "tlog-migrate-documents-"));
const [clone, prefix] = [join(home, "clone"), join(home, "prefix")];
// An installed clone has many files.
afterAll(() => rmSync(home, { recursive: true, force: true }), 120_000);

/** What git would clone, with the changes that are not committed. */
function makeClone(): void {
  const listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  for (const path of execFileSync("git", listed, { cwd: ROOT, encoding: "utf8" }).split("\0")) {
    if (path === "") continue;
    mkdirSync(dirname(join(clone, path)), { recursive: true });
    cpSync(join(ROOT, path), join(clone, path));
  }
}

/** In the clone, with the commands that were installed. What `npm ci` has fetched for this clone comes from npm's cache. */
function shell(command: string) {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_COMPILE_CACHE$/.test(name));
  const env = {
    ...Object.fromEntries(own),
    PATH: `${join(prefix, "bin")}:${process.env.PATH}`,
    npm_config_prefix: prefix,
    npm_config_prefer_offline: "true",
  };
  return promisify(execFile)("sh", ["-c", command], { cwd: clone, env, maxBuffer: 1 << 24 });
}

/** The places and keys that a document makes up, and those that are here: the one table of them. */
async function substitutions(directory: string): Promise<[RegExp, string][]> {
  const tiles = testLog({ size: 600, origin: "served.test/log" });
  const ct = testLog({ size: 300, format: "static-ct" });
  const ctServer = await startLogServer(ct.objects);
  const listed = listEntry(ct.publicKey ?? "", {
    submission_url: `https://${ct.origin}/`,
    monitoring_url: `${ctServer.url}/`,
  });
  writeFileSync(join(clone, "log_list.json"), listText({ tiled_logs: [listed] }));
  writeFileSync(join(clone, "log.v3.json"), JSON.stringify(listed));
  mkdirSync(join(directory, "archive/2025h1"), { recursive: true });
  writeArchive(join(directory, "archive/2025h1"), ct, 1 << 16);
  return [
    [/https:\/\/log\.example\/2026h2\//g, `${ctServer.url}/`],
    [/https:\/\/(new\.)?log\.example\//g, `${(await startLogServer(tiles.objects)).url}/`],
    [/'log\.example\+[^']*'/g, `'${tiles.vkey}'`],
    [/(?<=archive\+file:\/\/)\/archive\//g, `${directory}/archive/`],
    [/\/srv\//g, `${directory}/srv/`],
    [/\btlog:/g, `${userInfo().username}:`],
  ];
}

/** Starts what runs until a cutover, and waits until it has claimed its target, the second of its places. */
async function startFollowing(command: string): Promise<void> {
  const [, target = ""] = /^tlog-migrate follow \S+ (\S+)/.exec(command) ?? [];
  const following = shell(`exec ${command.replace(/ *&$/, "")}`);
  let failure: unknown;
  following.catch((error: unknown) => {
    failure = error;
  });
  onTestFinished(async () => {
    following.child.kill("SIGTERM");
    await following.catch(() => {});
  });
  await vi.waitUntil(() => failure !== undefined || existsSync(join(target, ".state/version")), 60_000);
  if (failure !== undefined) throw failure;
}

const replaced = (text: string, table: readonly [RegExp, string][]): string =>
  table.reduce((line, [pattern, value]) => line.replaceAll(pattern, () => value), text);

/** The package, installed by the README's own line once for all documents. */
const install = once(async () => {
  makeClone();
  mkdirSync(prefix, { recursive: true });
  const [line = ""] = documents[0]?.commands ?? [];
  expect(line).toBe("npm install -g tlog-migrate");
  await shell(line.replace("tlog-migrate", await packProject()));
});

test.each(documents)("the commands of $path do what it says", async ({ path, commands }) => {
  await install();
  const directory = mkdtempSync(join(home, "place-"));
  mkdirSync(join(directory, "srv"));
  const table = await substitutions(directory);
  for (const command of commands) {
    if (reasonOf(command) !== undefined || command === "npm install -g tlog-migrate") continue;
    const line = replaced(command, table);
    expect(line, "a placeholder that the table does not know").not.toMatch(/…|example|<\w+>/);
    const explained = (error: Error): never => {
      throw new Error(`${path}: ${command}`, { cause: error });
    };
    if (line.startsWith("tlog-migrate follow ")) {
      await startFollowing(line).catch(explained);
      continue;
    }
    const { stdout } = await shell(line).catch(explained);
    if (/ --handover| cutover /.test(command))
      expect(stdout, command).toMatch(/^The log is handed over|mirror/);
  }
});

test("the program of docs/library.md runs as it is printed", async () => {
  await install();
  const directory = mkdtempSync(join(home, "place-"));
  const text = readFileSync(join(ROOT, "docs/library.md"), "utf8");
  const [, program = ""] = /^```ts\n([\s\S]*?)^```$/m.exec(text) ?? [];
  const table = await substitutions(directory);
  const [, vkey = ""] = table.find(([pattern]) => pattern.test("'log.example+'")) ?? [];
  const lines = [`const vkey = ${vkey};`, replaced(program, table), "console.log(report.outcome);"];
  const file = join(prefix, "lib/program.ts");
  writeFileSync(file, lines.join("\n"));
  expect((await shell(`node ${file}`)).stdout).toBe("handed-over\n");
});

describe("what is not run", () => {
  const all = documents.flatMap(({ commands }) => commands);

  test("is in some document", () => {
    expect(NOT_RUN.filter(([pattern]) => !all.some((command) => pattern.test(command)))).toEqual([]);
  });

  for (const command of new Set(all)) {
    const reason = reasonOf(command);
    if (reason !== undefined) test.skip(`${command}: ${reason}`, () => {});
  }
});
