/** `--policy`: a copy and a verification trust what the logs of a policy have signed and a quorum has cosigned. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type NoteSigner, newCosigner } from "../../logs/sign.ts";
import { runCli } from "../../support/cli.ts";
import { runHere } from "../../support/cli-here.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { realLogLine, realLogPath } from "../../support/logs/real-logs.ts";
import {
  filesBelow,
  logDirectory,
  memoryDirectory,
  temporaryDirectory,
  writeFiles,
} from "../../support/places/directory.ts";

const [w1, w2] = ["w1.example", "w2.example"].map((name, i) => newCosigner(name, Buffer.alloc(32, 20 + i)));
if (w1 === undefined || w2 === undefined) throw new Error("two witnesses");
const log = testLog({ size: 300 });

function policyFile(...lines: readonly string[]): string {
  const file = join(temporaryDirectory(), "a policy.txt");
  writeFileSync(file, lines.map((line) => `${line}\r\n`).join(""));
  return file;
}

const policy = () =>
  policyFile(
    "# two witnesses",
    `log\t${log.vkey}\thttps://log.example/`,
    `witness alice ${w1.vkey}`,
    `witness bob ${w2.vkey}`,
    "group all-of-them all alice bob",
    "quorum all-of-them",
  );

/** The log's directory, cosigned by witnesses. */
function cosigned(...witnesses: readonly NoteSigner[]): string {
  const directory = logDirectory(log);
  const note = log.object("checkpoint").toString();
  const [text = ""] = note.split(/(?<=\n)\n/);
  const lines = witnesses.map((witness) => witness.signatureLine(text));
  writeFiles(directory, [["checkpoint", note + lines.join("")]]);
  return directory;
}

describe("a log with a quorum of witnesses", () => {
  test("is copied and verified, and who has signed when is reported", async () => {
    const [source, target, file] = [cosigned(w1, w2), join(memoryDirectory(), "log"), policy()];
    const args = [
      "copy",
      source,
      target,
      "--policy",
      file,
      "--save-checkpoint",
      "--handover",
      "--settle",
      "0",
    ];
    const copied = await runCli([...args, "--json"]);
    expect(copied.code, copied.stderr).toBe(0);
    const signedAt = "2023-11-14T22:13:20.000Z";
    expect(JSON.parse(copied.stdout)).toMatchObject({
      outcome: "handed-over",
      signatures: [
        { name: log.origin, type: "Ed25519", own: true },
        { name: "w1.example", type: "cosignature/v1", own: false, signedAt },
        { name: "w2.example", own: false, signedAt },
      ],
    });
    for (const place of [source, target]) {
      const { code, stdout } = await runHere(["verify", place, "--policy", file, "--origin", log.origin]);
      expect([code, stdout]).toEqual([
        0,
        expect.stringMatching(/cosigned +w2\.example\+\w{8} \(cosignature\/v1, 2023-11-14T/),
      ]);
    }
  });

  test("is refused with exit code 3 where a witness is missing, which is named, and nothing is written", async () => {
    const [source, target, file] = [cosigned(w2), join(memoryDirectory(), "log"), policy()];
    const missing =
      /lacks the quorum of witnesses that the policy asks for: alice has not cosigned it \(expected 2 of alice, bob, found bob\)/;
    for (const args of [
      ["copy", source, target],
      ["verify", source],
    ]) {
      const { code, stderr } = await runHere([...args, "--policy", file]);
      expect([code, stderr]).toEqual([3, expect.stringMatching(missing)]);
    }
    expect(filesBelow(target)).toEqual([]);
  });

  test("may have been begun with its key alone: the source's checkpoint needs the quorum then", async () => {
    const [source, target, file] = [cosigned(), join(memoryDirectory(), "log"), policy()];
    expect((await runHere(["copy", source, target, "--vkey", log.vkey])).code).toBe(0);
    const withPolicy = ["copy", source, target, "--policy", file, "--handover", "--settle", "0"];
    expect((await runHere(withPolicy)).code).toBe(3);
    // The marker's is of an earlier size, and nobody will cosign that any more.
    const grown = log.atSize(400);
    writeFiles(source, grown.objects);
    const [text = ""] = grown
      .object("checkpoint")
      .toString()
      .split(/(?<=\n)\n/);
    const lines = [w1, w2].map((witness) => witness.signatureLine(text)).join("");
    writeFiles(source, [["checkpoint", grown.object("checkpoint").toString() + lines]]);
    const { code, stderr } = await runHere(withPolicy);
    expect(code, stderr).toBe(0);
  });
});

test("a policy composes with --origin, and a file that is wrong is a usage error with its line", async () => {
  const key = realLogLine("armory-drive-log/key.pub");
  const [source, target] = [realLogPath("armory-as-tiles"), join(memoryDirectory(), "log")];
  const file = policyFile(`log ${key}`, "quorum none");
  const refused = await runHere(["copy", source, target, "--policy", file]);
  expect([refused.code, refused.stderr]).toEqual([
    3,
    expect.stringContaining("--origin 'Armory Drive Prod 2'"),
  ]);
  const copied = await runHere(["copy", source, target, "--policy", file, "--origin", "Armory Drive Prod 2"]);
  expect(copied.code, copied.stderr).toBe(0);
  const wrong = policyFile(`log ${key}`, "", "quorum w1");
  const { code, stderr } = await runHere(["verify", source, "--policy", wrong]);
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/--policy \S*\/a policy\.txt: line 3 has a name that no line/),
  ]);
});
