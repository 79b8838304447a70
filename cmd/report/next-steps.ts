/** What an operator does after `copy`, one sentence a step. */

import {
  formatCount,
  type LogFormat,
  type MigrationOptions,
  type MigrationReport,
  oneLine,
  shellWord,
  type TargetWords,
  type VerificationReport,
} from "../../lib/index.ts";
import { countOf } from "./quantities.ts";

/** What the steps depend on, in addition to the report. */
export interface StepFacts extends Pick<MigrationOptions, "snapshot" | "saveCheckpoint"> {
  readonly target: TargetWords;
  /** The command that hands over what was copied. */
  readonly handover: string;
  /** The command that copies the whole, after one that has copied a part. */
  readonly whole?: string;
}

const AFTER_ALL_PARTS =
  "When all parts have ended well, copy what they leave (the right edge and the upper tiles), and check all of it:";

export function nextSteps(report: MigrationReport, facts: StepFacts): string[] {
  if (report.outcome === "part-copied") return [`${AFTER_ALL_PARTS}\n${facts.whole}`];
  if (report.outcome === "ready-for-handover") return beforeHandover(report, facts);
  if (report.outcome === "taken-over") return fillSteps(report, facts);
  const { purpose = "unknown", checkpoint } = report.stored ?? {};
  if (purpose === "mirror") return mirrorSteps(report, facts);
  // A handover to some log software puts the checkpoint there itself.
  const isFresh = checkpoint === "none" || report.outcome === "handed-over";
  return purpose === "log" && isFresh ? takeoverSteps(report, facts) : startedSteps(report, facts);
}

/** Whether the copy is to become a mirror, where the handover is still to come. */
export function isForMirror({ snapshot, saveCheckpoint, target }: Omit<StepFacts, "handover">): boolean {
  return snapshot === true || saveCheckpoint === true || !target.canBeTakenOver;
}

/** What an operator does after a `verify` that has found faults. */
export function repairSteps(report: VerificationReport, command: string): string[] {
  const { faults, findings, repairable, repair } = report;
  if (faults === 0) return [];
  const missing = findings.filter(({ problem }) => problem.startsWith("is missing"));
  const intended = [
    ...(missing.some(({ path }) => FULL_BUNDLE.test(path)) ? [PRUNED] : []),
    ...(missing.some(({ path }) => path.startsWith("issuer/")) ? [NO_ISSUERS] : []),
  ];
  if (repairable === undefined) return [...intended, ELSEWHERE];
  const others = faults > repairable ? [OTHERS] : [];
  if (repairable === 0 || repair !== undefined) return [...intended, ...others];
  const objects = countOf(repairable, "object");
  const isLost = missing.length === findings.length;
  return [
    ...intended,
    isLost
      ? `${intended.length > 0 ? "Otherwise find" : "Find"} out what has removed ${objects} of the log.`
      : `Find out what has changed ${objects} of the log: a disk that fails goes on failing.`,
    `Then replace them by what another copy of the log has, which is authenticated first; log software may go on meanwhile:\n${command}`,
    ...others,
  ];
}

const FULL_BUNDLE = /^tile\/(?:entries|data)\/(?:x\d{3}\/)*\d{3}$/;
const PRUNED =
  "If the log is pruned, run the same command with --min-index and the first index that it keeps, and nothing that is wholly below it is missed.";
const NO_ISSUERS =
  "If the log never had these issuers, run the same command with --allow-missing-issuers: they are listed, and are not faults.";
const ELSEWHERE =
  "What is wrong or missing in the tree can be repaired where the log is stored: run verify there, and it prints the command.";
const OTHERS =
  "What is not of the tree is never repaired. An object beyond the tree is in the way of log software: stop what writes to the log, run verify again, " +
  "and remove those that are still listed, unless the checkpoint or the tree state is an older one from a backup. docs/troubleshooting.md has more.";

function beforeHandover(report: MigrationReport, facts: StepFacts): string[] {
  const { source, target } = report;
  const handOver = `copy what was added meanwhile and hand over:\n${facts.handover}`;
  if (isForMirror(facts)) return [`To finish the mirror, ${handOver}`];
  return [
    `Stop the writer of ${oneLine(source)} permanently: it must accept no more entries, but stay readable. Until then, the same command as now copies new entries.`,
    `When it is stopped, ${handOver}`,
    `Until then leave ${oneLine(target)} as it is; log software refuses to start on it, and says why.`,
    ...(facts.target.canBeTakenOver ? originAdvice(report) : []),
    ...fillSteps(report, facts),
  ];
}

function takeoverSteps(report: MigrationReport, facts: StepFacts): string[] {
  const { format, size, origin, target } = report;
  return [
    `From now on, only this target may sign checkpoints for ${oneLine(origin)}: the old writer must never start again.`,
    ...fillSteps(report, facts),
    `If you like, read all of it back first:\n${verifyCommand(format, target, facts)}${keyOptions(report)}`,
    facts.target.start ?? START[format](oneLine(target + facts.target.state), formatCount(size)),
    ...originAdvice(report),
    "Point readers here, and serve the log from one place alone: two that both append are a fork, which nobody can repair.",
  ];
}

const START: Record<LogFormat, (target: string, size: string) => string> = {
  tiles: (target, size) =>
    `Start the log software (a Tessera Appender) on ${target} with the log's own key and origin: it signs size ${size} itself, and appends from there.`,
  "static-ct": (target, size) =>
    `Start TesseraCT on ${target} with the log's own key and origin. Its own follower first rebuilds the antispam index, and until that is within 2,048 entries of ${size} every add is pushed back: hours for a large log.`,
};

/** Log software signs the name of its key as the origin, where it is not given another: readers would refuse that. */
function originAdvice(report: MigrationReport): string[] {
  const names = keyNames(report);
  if (report.format !== "tiles" || names === undefined) return [];
  const origin = JSON.stringify(oneLine(report.origin));
  return [
    `The log's key is named ${names}, which a Tessera Appender would sign as the origin: pass it ` +
      `AppendOptions.WithOrigin(${origin}), which Tessera's main branch has; v1.0.4 cannot continue this log.`,
  ];
}

/** The names of the keys that have signed for the log, where none is its origin. */
function keyNames({
  origin,
  signatures,
}: Pick<MigrationReport, "origin" | "signatures">): string | undefined {
  const names = new Set(signatures.filter(({ own }) => own).map(({ name }) => name));
  return names.size === 0 || names.has(origin) ? undefined : oneLine([...names].join(", "));
}

/** For a log that software may have been started on, or a mirror: what is stored does not say which. */
function startedSteps(report: MigrationReport, facts: StepFacts): string[] {
  const { origin, target, stored } = report;
  const found =
    stored?.checkpoint === "none"
      ? `The handover was made by an early tlog-migrate, which did not record whether ${oneLine(target)} is a mirror`
      : `${oneLine(target)} has a checkpoint: its log software may be running already, or it is served as a mirror`;
  return [
    `${found}. Only one writer may sign checkpoints for ${oneLine(origin)}: start none here before it is known that every other one has stopped and never starts again.`,
    ...fillSteps(report, facts),
    ...readBack(report, facts),
  ];
}

/** For a copy that is read, and must not append. */
function mirrorSteps(report: MigrationReport, facts: StepFacts): string[] {
  const { size, origin, target, stored } = report;
  const checkpoint =
    stored?.checkpoint !== "none"
      ? `A checkpoint is stored with the tiles, so ${oneLine(target)} can be served as a mirror of size ${formatCount(size)}.`
      : "No checkpoint is stored, so readers cannot use it yet: the same command with --save-checkpoint stores the source's.";
  return [
    checkpoint,
    ...fillSteps(report, facts),
    ...readBack(report, facts),
    `Do not start a writer here while the one of ${oneLine(origin)} is alive: two that both append are a fork, which nobody can repair.`,
  ];
}

/** For a log that is pruned where it was read. */
function fillSteps(report: MigrationReport, facts: StepFacts): string[] {
  const { pruned, format, target, outcome } = report;
  if (pruned === undefined || pruned.absentEntries === 0) return [];
  const missing = countOf(pruned.absentEntries, "entry that is missing", "entries that are missing");
  if (outcome === "ready-for-handover") {
    return [
      `To fill in the ${missing}, run the same command with a source that has them, and a lower --min-index or none.`,
    ];
  }
  const fill = `${verifyCommand(format, target, facts)} --min-index 0 --repair-from <copy>`;
  const first = format === "tiles" ? "" : " before TesseraCT starts, whose antispam index needs every entry";
  return [`To fill in the ${missing}, from another copy of the log${first}:\n${fill}`];
}

/** None where there is nothing to check a mirror against. */
function readBack(report: MigrationReport, facts: StepFacts): string[] {
  const { format, target, stored } = report;
  if (stored?.checkpoint === "none" && !facts.target.canBeTakenOver) return [];
  return [`To read all of it back:\n${verifyCommand(format, target, facts)}${keyOptions(report)}`];
}

/** The options that name the key, where there is a checkpoint to trust. */
function keyOptions(report: MigrationReport): string {
  const { format, origin, stored } = report;
  if (stored?.checkpoint === "none") return "";
  const named = keyNames(report) === undefined ? "" : ` --origin ${shellWord(origin)}`;
  return ` ${KEY_OPTIONS[format]}${named}`;
}

const KEY_OPTIONS: Record<LogFormat, string> = {
  tiles: "--vkey <vkey>",
  "static-ct": "--public-key <base64> --origin <origin>",
};

function verifyCommand(format: LogFormat, target: string, { target: words }: StepFacts): string {
  const option = format === "tiles" ? "" : ` --format ${format}`;
  const places = [target, ...words.verifyOptions].map((word) => shellWord(word));
  return `tlog-migrate verify${option} ${places.join(" ")}`;
}
