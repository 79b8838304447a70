/** What deploy/ has is what the program and the package are. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EXIT_CODES } from "../../../cmd/exit.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";

const ROOT = join(import.meta.dirname, "../../..");
const textOf = (path: string): string => readFileSync(join(ROOT, path), "utf8");

const UNIT = "tlog-migrate@.service";
const unit = textOf(`deploy/${UNIT}`);

test("the unit of systemd starts again after failures that another run may mend, and after no other", () => {
  const [, prevented = ""] = /^RestartPreventExitStatus=(.*)$/m.exec(unit) ?? [];
  const lasting = EXIT_CODES.map(([codes]) => codes).filter((codes) => /^[2-9]$/.test(codes));
  expect(prevented.split(" ")).toEqual(lasting);
  expect(unit).toMatch(/^Restart=on-failure$/m);
  expect(unit).not.toMatch(/^ExecStart=.*--handover/m);
});

test.skipIf(spawnSync("systemd-analyze", ["--version"]).status !== 0)("the unit of systemd is sound", () => {
  const path = join(temporaryDirectory(), UNIT);
  // The command is not installed here.
  writeFileSync(path, unit.replace(/^ExecStart=tlog-migrate /m, `ExecStart=${process.execPath} `));
  const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", path], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("the container is built of what exists, runs the package's command, and not as root", () => {
  const lines = textOf("deploy/Containerfile").split("\n");
  const copied = lines.flatMap((line) => /^COPY (?!--from)(.*) \S+$/.exec(line)?.[1]?.split(" ") ?? []);
  expect(copied.length).toBeGreaterThan(5);
  expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const { bin, peerDependencies } = JSON.parse(textOf("package.json"));
  // The image is for every backend and every queue.
  const installed = textOf("deploy/Containerfile").split(/[\s\\]+/);
  expect(installed).toEqual(expect.arrayContaining(Object.keys(peerDependencies)));
  expect(lines).toContain(`ENTRYPOINT ["node", "/app/${bin["tlog-migrate"]}"]`);
  expect(lines).toContain("USER node");
});
