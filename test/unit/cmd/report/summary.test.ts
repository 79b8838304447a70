import { describe, expect, test } from "vitest";
import type { StepFacts } from "../../../../cmd/report/next-steps.ts";
import { copySummary, verificationSummary } from "../../../../cmd/report/summary.ts";
import type { ExtraDataReport, MigrationReport, VerificationReport } from "../../../../lib/index.ts";

const report: MigrationReport = {
  outcome: "handed-over",
  stored: { purpose: "log", checkpoint: "none" },
  origin: "log.example/one",
  source: "https://log.example/one/",
  target: "/srv/log",
  format: "tiles",
  size: 4_000_000,
  rootHash: "bAJT4OzsTimicxj6AHSFXobyeFS2+k2Zt4ba3zzRis8=",
  entries: 3_934_464,
  resumedEntries: 65_536,
  sealedEntries: 65_536,
  bytes: 4_158_000_000,
  seconds: 19.2,
  entriesPerSecond: 204_920,
  requests: 15_800,
  retries: 1,
  replacedObjects: 2,
  hasher: "native",
  signatures: [],
  notChecked: ["The source's own level-0 tiles"],
  warnings: ["The files belong to root"],
};
const HANDOVER = "tlog-migrate copy https://log.example/one/ /srv/log --handover";
const mirror: MigrationReport["stored"] = { purpose: "mirror", checkpoint: "stored" };
const plain = { target: { state: "", verifyOptions: [], canBeTakenOver: true }, handover: HANDOVER };

/** A summary that is hardly wrapped. */
const textOf = (changes: Partial<MigrationReport> = {}, facts: Partial<StepFacts> = {}) =>
  copySummary({ ...report, ...changes }, { ...plain, ...facts }, 1000);

describe("the summary of a copy", () => {
  test("counts what the source has that was not copied, where it has anything", () => {
    const none = { obsoletePartials: 0, otherObjects: 0, bytes: 0, examples: [], isIncomplete: false };
    expect(textOf({ notCopied: none })).not.toContain("not copied  ");
    expect(textOf({ notCopied: { ...none, obsoletePartials: 1, bytes: 32 } })).toMatch(
      /not copied +1 obsolete partial at the source, 32 B\n/,
    );
    const more = {
      obsoletePartials: 2,
      otherObjects: 7_000,
      bytes: 2_500,
      examples: ["a\u001b", "b"],
      isIncomplete: true,
    };
    expect(textOf({ notCopied: more })).toMatch(
      /not copied +at least 2 obsolete partials and 7,000 objects that nothing commits to \(a , b, …\) at the source, 2\.5 kB\n/,
    );
  });

  const summary = copySummary(report, plain, 100);

  test("says what became of the log, in aligned fields", () => {
    expect(summary).toMatch(/^The log is handed over: \/srv\/log is ready/);
    expect(summary).toContain(`
  origin    log.example/one
  size      4,000,000 entries
  root      bAJT4OzsTimicxj6AHSFXobyeFS2+k2Zt4ba3zzRis8=
  from      https://log.example/one/
  to        /srv/log
  copied    3,934,464 entries, 4.2 GB
  resumed   65,536 entries were in place from earlier runs
  replaced  2 objects that had wrong bytes
  time      19 s, 204,920 entries/s (native hasher)
  requests  15,800, 1 retry
`);
    expect(summary).toContain("- The source's own level-0 tiles\n");
    expect(summary).toContain("- The files belong to root\n");
  });

  test("says what workers of a queue have copied", () => {
    expect(textOf({ workerEntries: 3_000_000, resumedEntries: 0 })).toMatch(
      /^ {2}copied +3,934,464 entries, 4\.2 GB\n {2}by workers +3,000,000 entries\n {2}replaced /m,
    );
  });

  test("says what a pruned log lacks, and how it is filled in", () => {
    const pruned = { minIndex: 70_144, absentEntries: 69_888 };
    const text = textOf({ pruned });
    expect(text).toMatch(/^ {2}missing +69,888 entries below index 70,144: the log is pruned$/m);
    expect(text).toMatch(/fill in the 69,888 entries that are missing, from another copy of the log:\n/);
    expect(text).toContain("tlog-migrate verify /srv/log --min-index 0 --repair-from <copy>\n");
    const steps = textOf({ pruned, format: "static-ct" });
    expect(steps.indexOf("before TesseraCT starts")).toBeLessThan(steps.indexOf("Start TesseraCT"));
    expect(textOf({ pruned, outcome: "taken-over" })).toContain("--repair-from");
    const before = textOf({ pruned, outcome: "ready-for-handover" });
    expect(before).toContain("run the same command with a source that has them, and a lower --min-index");
    expect(textOf({ pruned, stored: mirror })).toMatch(
      /^The mirror is complete: \S+ holds all that is left of the log\./,
    );
    for (const none of [undefined, { minIndex: 70_144, absentEntries: 0 }]) {
      expect(textOf(none && { pruned: none })).not.toContain("--repair-from");
    }
  });

  test("shows the command of a warning on a line of its own, whatever the width", () => {
    const command = `chown -R USER /srv/log/.state /srv/log/${"x".repeat(80)} '/srv/a log'`;
    const warnings = [`The files belong to root: give them to it first:\n${command}`];
    expect(copySummary({ ...report, warnings }, plain, 40)).toContain(`\n    ${command}\n`);
  });

  test("has no line wider than it may be, but for what is to be copied", () => {
    const facts = /^ {2}\w+ {2,}/;
    for (const width of [40, 60, 80, 100]) {
      const lines = copySummary({ ...report, format: "static-ct" }, plain, width).split("\n");
      const wide = lines.filter((line) => line.length > width && !facts.test(line));
      expect(wide.filter((line) => !line.includes("tlog-migrate verify"))).toEqual([]);
    }
  });

  test("tells what became of what no leaf hash covers, and lists the issuers that are missing", () => {
    const firstMissingIssuers = [{ fingerprint: "ab".repeat(32), entry: 5, problem: "is missing" }];
    const checked = { deep: true, deepEntries: 700, reencodedEntries: 1, uncheckedEntries: 300 };
    const extraData: ExtraDataReport = { issuers: 7, missingIssuers: 2, firstMissingIssuers, ...checked };
    const text = textOf({ format: "static-ct", extraData });
    expect(text).toContain("issuers     7 certificates, 2 of them missing\n");
    expect(text).toContain(
      "deep check  700 entries; 1 precertificate differs from what was logged as re-encoding explains\n",
    );
    expect(text).toContain(`- issuer/${"ab".repeat(32)} is missing; entry 5 names it\n`);
    expect(text).toContain("- and 1 more\n");
    const clean = { ...extraData, missingIssuers: 0, firstMissingIssuers: [], deep: false };
    const short = textOf({ format: "static-ct", extraData: clean });
    expect(short).toMatch(/issuers +7 certificates\n/);
    expect(short).not.toMatch(/deep check|Missing issuers/);
  });

  test("leaves out what did not happen", () => {
    const text = textOf({ resumedEntries: 0, replacedObjects: 0, notChecked: [], warnings: [] });
    expect(text).not.toMatch(/resumed|replaced|Not checked|Look at this/);
  });

  test("tells who takes over to stop the old writer for good, and to serve one place", () => {
    expect(summary).toMatch(/1\. From now on, only this target may sign/);
    expect(summary).toMatch(/\n {5}tlog-migrate verify \/srv\/log\n/);
    expect(summary).toContain("Tessera Appender");
    expect(summary).toContain("serve the log from one place alone");
  });

  test("tells who takes over a Static CT log what TesseraCT does at first", () => {
    const text = textOf({ format: "static-ct" });
    expect(text).toMatch(/TesseraCT .*antispam.*within 2,048 entries of 4,000,000 every add is pushed back/);
    expect(text).toContain("tlog-migrate verify --format static-ct /srv/log\n");
  });

  test("tells who stopped before the handover how to go on", () => {
    const text = textOf({ outcome: "ready-for-handover" });
    expect(text).toMatch(/^Copied and checked; not handed over/);
    expect(text).toMatch(/1\. Stop the writer of https:\/\/log\.example\/one\/ permanently/);
    expect(text).toContain(`hand over:\n     ${HANDOVER}\n`);
    expect(text).not.toMatch(/Start the log software/);
  });

  // What an earlier run made of the target decides, and not the options of this one.
  describe.each([{}, { snapshot: true }, { saveCheckpoint: true }])("with the options %o", (options) => {
    test("warns of a writer on a mirror, whether this run or an earlier one has finished it", () => {
      for (const outcome of ["handed-over", "already-handed-over"] as const) {
        for (const checkpoint of ["none", "found", "stored"] as const) {
          const text = textOf({ outcome, stored: { purpose: "mirror", checkpoint } }, options);
          expect(text).toMatch(/Do not start a writer here/);
          expect(text).not.toMatch(/Start the log software|ready for its log software|only this target/);
          expect(text.includes("No checkpoint is stored")).toBe(checkpoint === "none");
          expect(text.includes("--vkey <vkey>")).toBe(checkpoint !== "none");
        }
      }
      expect(textOf({ stored: mirror }, options)).toMatch(/^The mirror is complete: \/srv\/log holds/);
      const again = {
        outcome: "already-handed-over",
        stored: { purpose: "mirror", checkpoint: "found" },
      } as const;
      expect(textOf(again, options)).toMatch(/^Nothing to do: an earlier run has completed the mirror/);
    });

    test("starts no log software where there is a checkpoint, or no record of what the copy is for", () => {
      for (const stored of [
        { purpose: "log", checkpoint: "found" },
        { purpose: "unknown", checkpoint: "found" },
        { purpose: "unknown", checkpoint: "none" },
      ] as const) {
        const text = textOf({ outcome: "already-handed-over", stored }, options);
        expect(text).not.toMatch(/Start the log software|No checkpoint is stored/);
        expect(text).toMatch(/Only one writer may sign checkpoints for log\.example\/one/);
        expect(text.includes("--vkey <vkey>")).toBe(stored.checkpoint === "found");
      }
    });

    test("says how log software takes over what an earlier run has handed over to it", () => {
      expect(textOf({ outcome: "already-handed-over" }, options)).toMatch(/Start the log software/);
    });
  });

  test("a checkpoint that was stored by a further run is what the report begins with", () => {
    const text = textOf({ outcome: "already-handed-over", stored: mirror }, { saveCheckpoint: true });
    expect(text).toMatch(/^The source's checkpoint is stored now/);
  });

  test.each([
    { snapshot: true },
    { saveCheckpoint: true },
    { target: { ...plain.target, canBeTakenOver: false } },
  ])("asks nobody to stop the writer of a log that is mirrored by %o", (facts) => {
    const text = textOf({ outcome: "ready-for-handover" }, facts);
    expect(text).toContain("1. To finish the mirror, copy what was added meanwhile and hand over:\n");
    expect(text).not.toMatch(/Stop the writer/);
  });

  test("tells how a mirror is read back: with its key, its database, or not at all", () => {
    const database = "projects/p/instances/i/databases/d";
    const commandOf = ({ target = plain.target, saveCheckpoint }: Partial<StepFacts>) => {
      const checkpoint = saveCheckpoint ? "stored" : "none";
      return /tlog-migrate verify .*/.exec(
        textOf({ stored: { purpose: "mirror", checkpoint } }, { target }),
      )?.[0];
    };
    const stateless = { ...plain.target, canBeTakenOver: false };
    const options = ["--spanner", database];
    const inDatabase = { ...plain.target, verifyOptions: options };
    const prefixed = { ...plain.target, verifyOptions: [...options, "--spanner-table-prefix", "a_"] };
    const verify = "tlog-migrate verify /srv/log";
    expect(commandOf({})).toBe(verify);
    expect(commandOf({ saveCheckpoint: true })).toBe(`${verify} --vkey <vkey>`);
    const withDatabase = `${verify} --spanner ${database}`;
    expect(commandOf({ target: prefixed })).toBe(`${withDatabase} --spanner-table-prefix a_`);
    expect(commandOf({ target: inDatabase, saveCheckpoint: true })).toBe(`${withDatabase} --vkey <vkey>`);
    expect(commandOf({ target: stateless })).toBeUndefined();
    expect(commandOf({ target: stateless, saveCheckpoint: true })).toBe(`${verify} --vkey <vkey>`);
  });

  const armory = { name: "armory", keyId: "16541b8f", type: "Ed25519", own: true } as const;
  const witness = { ...armory, name: "w.test", type: "cosignature/v1", own: false } as const;

  test("names who has signed, but for the log's key of its own name, and says that the log is frozen", () => {
    const own = { ...armory, name: report.origin };
    expect(textOf({ signatures: [own] })).not.toMatch(/signed by|cosigned|frozen/);
    const signedAt = "2026-11-29T20:00:00.000Z";
    const text = textOf({ signatures: [armory, { ...witness, signedAt }], frozen: "Log frozen — 2026" });
    expect(text).toContain("  signed by  armory+16541b8f (Ed25519)\n");
    expect(text).toContain("  cosigned   w.test+16541b8f (cosignature/v1, 2026-11-29T20:00:00.000Z)\n");
    expect(text).toContain("  frozen     the log has signed: Log frozen — 2026\n");
    const many = textOf({ signatures: Array.from({ length: 27 }, () => witness) });
    expect(many.match(/cosigned/g)).toHaveLength(20);
    expect(many).toMatch(/\n +and 7 more\n/);
  });

  test("tells who takes over which origin to pass, where the log's key has another name", () => {
    const other = { origin: "Armory 2", signatures: [armory, witness] };
    const option = 'AppendOptions.WithOrigin("Armory 2")';
    for (const outcome of ["handed-over", "ready-for-handover"] as const) {
      expect(textOf({ ...other, outcome })).toContain(`The log's key is named armory, which`);
      expect(textOf({ ...other, outcome })).toContain(option);
      expect(textOf({ ...other, outcome, origin: "armory" })).not.toContain("WithOrigin");
      expect(textOf({ outcome, signatures: [] })).not.toContain("WithOrigin");
    }
    const text = textOf({ ...other, stored: mirror });
    expect(text).not.toContain(option);
    expect(text).toContain("tlog-migrate verify /srv/log --vkey <vkey> --origin 'Armory 2'\n");
  });

  test("has no speed where nothing was read", () => {
    expect(textOf({ entries: 0, entriesPerSecond: 0 })).toMatch(/^ {2}time +19 s$/m);
  });

  test("is short where there was nothing to do", () => {
    const text = textOf({ outcome: "already-handed-over", entries: 0 });
    expect(text).toMatch(/^Nothing to do/);
    expect(text).not.toMatch(/copied|time/);
  });

  test("lets no control character of a hostile log through, and quotes paths for the shell", () => {
    const text = textOf({ origin: "evil\u001b[2Jlog\n", target: "/srv/it's mine" });
    expect(text).not.toContain("\u001b");
    expect(text).toContain(`tlog-migrate verify '/srv/it'\\''s mine'\n`);
  });
});

describe("the summary of a verification", () => {
  const sound: VerificationReport = {
    log: "/srv/log",
    authority: "treeState",
    size: 1000,
    rootHash: report.rootHash,
    entries: 1000,
    seconds: 0.5,
    entriesPerSecond: 2000,
    requests: 0,
    retries: 0,
    hasher: "javascript",
    signatures: [],
    faults: 0,
    findings: [],
    repairable: 0,
    notChecked: ["A signature"],
  };
  const command = "tlog-migrate verify --repair-from https://old.example/ '/srv/my log'";
  const summaryOf = (changes: Partial<VerificationReport>) =>
    verificationSummary({ ...sound, ...changes }, command, 100);

  test("says that a log is sound, and by what measure", () => {
    const text = summaryOf({});
    expect(text).toMatch(/^The log is sound: .* its tree state/);
    expect(text).toMatch(/verified {2}1,000 entries/);
    expect(text).toMatch(/2,000 entries\/s \(javascript hasher\)/);
    expect(text).not.toMatch(/origin|faults|requests|Bad/);
  });

  test("lists the faults by path, and how many more there are", () => {
    const findings = [{ path: "tile/0/000", problem: "is missing" }];
    const text = summaryOf({ origin: "o", faults: 1200, findings });
    expect(text).toMatch(/^The log is not what its tree state commits to/);
    expect(text).toMatch(/faults {4}1,200/);
    expect(text).toContain("- tile/0/000: is missing\n  - and 1,199 more\n");
  });

  test("offers to repair what can be repaired, by a command that can be copied", () => {
    const text = summaryOf({ faults: 3, repairable: 2 });
    expect(text).toContain(`\n     ${command}\n`);
    expect(text).toMatch(/2 objects of the log/);
    expect(text).toMatch(
      /never repaired\. An object beyond the tree .*run\s+verify\s+again,\s+and\s+remove/s,
    );
    expect(summaryOf({ faults: 2, repairable: 2 })).not.toMatch(/never repaired/);
    expect(summaryOf({ faults: 1, repairable: 0 })).not.toContain(command);
    const { repairable: _, ...readOnly } = sound;
    const served = verificationSummary({ ...readOnly, faults: 1 }, command, 100);
    expect(served).toMatch(/can be repaired where the log is stored/);
    expect(served).not.toContain(command);
    expect(summaryOf({})).not.toMatch(/What to do next/);
  });

  test("names the option for what a log lacks as it is meant to be, before it looks for a fault", () => {
    const lost = { path: "tile/entries/x001/000", problem: "is missing" };
    const wrong = { path: "tile/0/000", problem: "is of another tree" };
    const issuer = { path: `issuer/${"ab".repeat(32)}`, problem: "is missing, and entry 5 names it" };
    const stepsOf = (...findings: { path: string; problem: string }[]) =>
      verificationSummary(
        { ...sound, faults: findings.length, repairable: findings.length, findings },
        command,
        1000,
      );
    expect(stepsOf(lost)).toMatch(
      /1\. If the log is pruned, .* --min-index .*\n.*2\. Otherwise find out what has removed/s,
    );
    expect(stepsOf(issuer)).toMatch(/1\. If the log never had these issuers, .* --allow-missing-issuers/);
    for (const all of [[lost], [issuer], [lost, issuer]])
      expect(stepsOf(...all)).not.toContain("a disk that fails");
    expect(stepsOf(wrong)).toMatch(/1\. Find out what has changed .*a disk that fails/);
    expect(stepsOf(wrong)).not.toMatch(/--min-index|--allow-missing-issuers/);
    expect(stepsOf(wrong, { ...lost, path: "tile/entries/000.p/5" })).not.toContain("--min-index");
  });

  test("lists an issuer that is missing once, as a fault or as allowed", () => {
    const fingerprint = "ab".repeat(32);
    const firstMissingIssuers = [{ fingerprint, entry: 5, problem: "is missing" }];
    const checked = { deep: true, deepEntries: 700, reencodedEntries: 0, uncheckedEntries: 0 };
    const extraData = { issuers: 1, missingIssuers: 1, firstMissingIssuers, ...checked };
    const problem = "is missing, and entry 5 names it";
    const findings = [{ path: `issuer/${fingerprint}`, problem }];
    for (const text of [
      summaryOf({ extraData }),
      summaryOf({ extraData, faults: 1, findings, repairable: 1 }),
    ]) {
      expect(text.split(fingerprint)).toHaveLength(2);
    }
  });

  test("lists what was repaired, and why the rest was not", () => {
    const repair = {
      source: "https://old.example/",
      repaired: 1001,
      objects: ["tile/0/000"],
      notRepaired: [{ path: "tile/0/001", problem: "it is \u001b[2Jmissing" }],
    };
    const text = summaryOf({ faults: 1, repairable: 1, repair });
    expect(text).toMatch(/repaired {2}1,001 objects, from https:\/\/old\.example\//);
    expect(text).toContain("- tile/0/000\n  - and 1,000 more\n");
    expect(text).toContain("- tile/0/001: it is  [2Jmissing\n");
    expect(text).not.toContain(command);
  });
});
