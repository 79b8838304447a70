import { expect, onTestFinished, test } from "vitest";
import { startEndless } from "../../../bench/servers/endless.ts";
import { runCli } from "../../support/cli.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

test("an endless log is copied and verified like any other", async () => {
  const log = await startEndless({ size: 70_000, entrySize: 60 });
  onTestFinished(() => log.close());
  const target = `${memoryDirectory()}/target`;
  const copy = await runCli(["copy", log.url, target, "--vkey", log.vkey, "--json", "--quiet"]);
  expect(copy, copy.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(copy.stdout)).toMatchObject({ origin: log.origin, size: 70_000, rootHash: log.rootHash });
  const verify = await runCli(["verify", target, "--quiet"]);
  expect(verify, verify.stderr).toMatchObject({ code: 0 });
});

test("requests that come together are answered one after the other", async () => {
  const log = await startEndless({ size: 1_000_000_000, entrySize: 100 });
  onTestFinished(() => log.close());
  const paths = [
    "tile/entries/x003/x906/249",
    "tile/entries/x003/x906/250",
    "tile/2/x000/x000/000",
    "tile/3/000",
  ];
  const answers = await Promise.all(paths.map((path) => fetch(`${log.url}/${path}`)));
  expect(answers.map(({ status }) => status)).toEqual([200, 404, 404, 404]);
  const head = await fetch(`${log.url}/tile/entries/x003/x906/249`, { method: "HEAD" });
  expect(head.headers.get("content-length")).toBe(String(256 * 102));
});
