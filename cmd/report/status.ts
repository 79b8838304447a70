/** What `status` prints. */

import {
  type AskedCutover,
  type CopyPhase,
  type FinishedCopy,
  type FollowState,
  formatCount,
  type LockState,
  oneLine,
  type PresentLog,
  type TargetStatus,
  type UnfinishedCopy,
} from "../../lib/index.ts";
import { countOf } from "./quantities.ts";
import { alignFields, emphasis, type Field, listSection, wrap } from "./text-layout.ts";
import { formatPercent } from "./units.ts";

export function statusSummary(status: TargetStatus, width: number): string {
  const target = oneLine(status.target);
  const headline = emphasis(wrap(headlineOf(status, target), width, "").trimEnd());
  const fields = fieldsOf(status);
  const next = nextOf(status);
  return [
    `${headline}\n`,
    fields.some(([, value]) => value) ? `\n${alignFields(fields)}` : "",
    listSection(emphasis("What to do next"), next, { width }),
  ].join("");
}

function headlineOf(status: TargetStatus, target: string): string {
  switch (status.state) {
    case "empty":
      return `${target} is empty: a copy may begin there.`;
    case "unfinished":
      return `${target} is an unfinished copy: ${PHASES[status.phase]}.`;
    case "mirror":
      return status.checkpoint === undefined
        ? `${target} is a mirror that has published no checkpoint yet.`
        : `${target} is a mirror, which serves a checkpoint of ${entries(status.checkpoint.size)}.`;
    case "handed-over":
      return `${target} was handed over on ${status.finishedAt}.`;
    case "other-tiles":
      return `${target} contains tiles or bundles that no copy of this tool has written.`;
    case "occupied":
      return `${target} is somebody's log, or could be one: no copy of this tool has written there.`;
  }
}

const PHASES: Readonly<Record<CopyPhase, string>> = {
  claimed: "nothing is stored there yet",
  copying: "entries are missing",
  copied: "all entries are in place, and it is not handed over",
  "handing-over": "a handover has begun",
};

function fieldsOf(status: TargetStatus): Field[] {
  switch (status.state) {
    case "empty":
      return [];
    case "other-tiles":
      return [["for example", status.example]];
    case "occupied":
      return [["found", status.found], ...presentFields(status)];
    case "unfinished":
    case "mirror":
      return unfinishedFields(status);
    case "handed-over":
      return finishedFields(status);
  }
}

function unfinishedFields(status: UnfinishedCopy): Field[] {
  const { origin, aim, source, format, sealedEntries, minIndex, tool, lock, following, cutover } = status;
  const sealed = `${entries(sealedEntries)} (${formatPercent(sealedEntries, aim.size)})`;
  return [
    ["origin", origin],
    ["format", format],
    ["aim", `${entries(aim.size)}, root ${aim.rootHash}`],
    ["from", source],
    [
      "sealed",
      (status.phase !== "copied" || sealedEntries > 0) &&
        (status.distrustsSeals ? "nothing that counts: the next run reads all of it again" : sealed),
    ],
    ["pruned", minIndex > 0 && `what is below index ${formatCount(minIndex)} may be missing`],
    ["issuers", status.allowMissingIssuers && "may be missing"],
    ["deep check", status.deep && "of every sealed entry"],
    ["at work", lockText(lock)],
    ["followed", following && followText(following)],
    ["cutover", cutover && CUTOVERS[cutover.state] + (cutover.reason ? `: ${oneLine(cutover.reason)}` : "")],
    ["written by", tool],
    ...presentFields(status),
  ];
}

function finishedFields(status: FinishedCopy): Field[] {
  const { origin, size, rootHash, source, format, missingIssuers, pruned, tool, tree } = status;
  const missing = pruned && `${entries(pruned.absentEntries)} below index ${formatCount(pruned.minIndex)}`;
  return [
    ["origin", origin],
    ["format", format],
    ["size", `${entries(size)}, root ${rootHash}`],
    ["from", source],
    ["missing", missing],
    ["issuers", missingIssuers > 0 && `${formatCount(missingIssuers)} missing`],
    ["written by", tool],
    ...presentFields(status),
    ["grown", tree && tree.size > size && `${entries(tree.size - size)} since the handover`],
  ];
}

function presentFields({ checkpoint, tree }: PresentLog): Field[] {
  return [
    ["tree state", tree && `${entries(tree.size)}, root ${tree.rootHash}`],
    ["checkpoint", checkpoint && `${checkpoint.origin}, ${entries(checkpoint.size)} (signature not checked)`],
  ];
}

/** Who holds the lock, since when, and whether it is at work. */
function lockText(lock: LockState | undefined): string {
  if (lock === undefined) return "nobody";
  const { host, pid, since, heardAt, isRunning } = lock;
  const holder = `process ${pid} on ${host}`;
  if (isRunning === false) return `nobody: ${holder} ended without giving its lock back`;
  const from = since === undefined ? "" : `, since ${since}`;
  return isRunning ? `${holder}${from}` : `${holder}${from}, last heard of at ${heardAt}`;
}

const CUTOVERS: Readonly<Record<AskedCutover["state"], string>> = {
  asked: "asked for, and not answered",
  accepted: "accepted: it is handed over once the source stays the same",
  refused: "refused",
};

/** How far behind it was, and when it said so. */
function followText({ at, newest, copied, ...since }: FollowState): string {
  const { behindSince, staleSince, unavailableSince } = since;
  return [
    newest > copied ? `${entries(newest - copied)} behind${sinceText(behindSince)}` : "caught up",
    staleSince && `the source shows an older checkpoint${sinceText(staleSince)}`,
    unavailableSince && `waiting for what is unavailable${sinceText(unavailableSince)}`,
    `as of ${at}`,
  ]
    .filter(Boolean)
    .join(", ");
}

function sinceText(time: string | undefined): string {
  return time === undefined ? "" : ` since ${time}`;
}

function nextOf(status: TargetStatus): string[] {
  switch (status.state) {
    case "mirror":
      if (status.lock?.isRunning === true) return [];
      return ["The same `tlog-migrate follow --mirror` as before keeps it up to date."];
    case "unfinished":
      if (status.lock?.isRunning === true) return [];
      return [
        status.phase === "copied" || status.phase === "handing-over"
          ? "The same `tlog-migrate copy` as before checks it, and with --handover hands it over once the source's writer is stopped."
          : "The same `tlog-migrate copy` as before continues it.",
      ];
    case "other-tiles":
      return [
        "If it is an unfinished copy of a log by another tool, `tlog-migrate copy` with --adopt takes it over.",
      ];
    default:
      return [];
  }
}

function entries(count: number): string {
  return countOf(count, "entry", "entries");
}
