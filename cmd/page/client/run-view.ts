/** What a state of the run says in words and numbers. */

import { formatBytes, formatPercent, formatTimeLeft } from "../../report/units.ts";
import type { FollowFacts, RequestFacts, StatusDocument } from "../document.ts";
import { create, element, setText } from "./elements.ts";
import { count, entries, seconds, sentence, time } from "./words.ts";

export function showRun(status: StatusDocument): void {
  const { command, source, target, origin, tool, progress, outcome } = status;
  const share = progress.size === 0 ? "–" : formatPercent(progress.entriesDone, progress.size);
  setText("command", command);
  setText("origin", origin ?? "Reading the checkpoint");
  element("source-row").hidden = source === undefined;
  setText("source", source ?? "");
  setText("target-label", source === undefined ? "Log" : "To");
  setText("target", target);
  setText("tool", tool);
  showPhase(status);
  showShare(share);
  setText("entries", progress.size === 0 ? "–" : `${count(progress.entriesDone)} of ${count(progress.size)}`);
  setText("left", progress.secondsLeft === undefined ? "–" : formatTimeLeft(progress.secondsLeft));
  setText("elapsed", formatTimeLeft((Date.parse(status.at) - Date.parse(status.startedAt)) / 1000));
  showFollowing(status.following, new Date(status.at));
  showRequests(status);
  document.title = `${outcome ? outcomeWord(outcome.exitCode) : share} – ${command} ${origin ?? ""}`;
}

function showPhase({ progress: { phase, stall }, outcome }: StatusDocument): void {
  const now = outcome ? outcomeWord(outcome.exitCode) : sentence(phase);
  setText("phase", stall === undefined || outcome ? now : `${now}: ${stall}`);
  document.body.toggleAttribute("data-stalled", stall !== undefined && outcome === undefined);
  document.body.dataset.run = outcome === undefined ? "live" : outcome.exitCode === 0 ? "done" : "failed";
  element("outcome").hidden = outcome === undefined;
  if (outcome) {
    setText(
      "outcome",
      outcome.exitCode === 0 ? outcome.text : `Exit code ${outcome.exitCode}: ${outcome.text}`,
    );
  }
}

function outcomeWord(exitCode: number): string {
  if (exitCode === 0) return "Done";
  return exitCode > 128 ? "Interrupted" : "Failed";
}

function showShare(share: string): void {
  const [number = "–", unit = ""] = share.split(" ");
  if (element("percent").textContent !== number + unit) {
    element("percent").replaceChildren(number, create("small", unit));
  }
  const done = Number.parseFloat(number) || 0;
  element("fill").style.setProperty("--done", `${done}%`);
  element("track").setAttribute("aria-valuenow", `${done}`);
  element("track").setAttribute("aria-valuetext", share === "–" ? "unknown" : share);
}

function showFollowing(following: FollowFacts | undefined, now: Date): void {
  element("following").hidden = following === undefined;
  if (following === undefined) return;
  const { sourceSize, copiedSize, lagSeconds, caughtUpAt, unavailableSeconds, staleSeconds } = following;
  const behind = sourceSize - copiedSize;
  setText(
    "lag",
    behind > 0 ? `${entries(behind)}, for ${seconds(lagSeconds)}` : "Nothing: the target has all of it",
  );
  setText("source-size", entries(sourceSize));
  setText("copied-size", entries(copiedSize));
  setText("caught-up", caughtUpAt === undefined ? "not yet" : time(new Date(caughtUpAt), now));
  const stale = staleSeconds > 0 ? `shows an older checkpoint for ${seconds(staleSeconds)}` : "available";
  setText("reach", unavailableSeconds > 0 ? `unavailable for ${seconds(unavailableSeconds)}` : stale);
  const { publishedSize } = following;
  element("published-row").hidden = publishedSize === undefined;
  element("cutover-row").hidden = publishedSize !== undefined;
  setText("published", publishedSize === 0 ? "nothing yet" : entries(publishedSize ?? 0));
  setText("cutover", following.isCutoverPending ? "under way" : "not asked for");
}

function showRequests({ requests, progress, counts, command }: StatusDocument): void {
  const { inFlight, limit, throttles, pause, byStatus } = requests;
  setText("in-flight", limit === 0 ? count(inFlight) : `${count(inFlight)} of ${count(limit)}`);
  setText("retries", count(progress.retries));
  setText("throttles", count(throttles));
  setText("received", formatBytes(counts.bytesReceived));
  element("stored-row").hidden = command === "verify";
  setText("stored", formatBytes(counts.bytesStored));
  element("pause").hidden = pause === undefined;
  setText(
    "pause",
    pause ? `The source asks for a pause (${pause.status}): ${seconds(pause.secondsLeft)} left` : "",
  );
  showStatuses(byStatus);
}

function showStatuses(byStatus: RequestFacts["byStatus"]): void {
  const counted = Object.entries(byStatus).toSorted(([, one], [, other]) => other - one);
  const total = counted.reduce((sum, [, each]) => sum + each, 0);
  element("statuses").replaceChildren(
    ...counted.map(([status, each]) => {
      const share = create("span", "", { class: "share" });
      share.style.setProperty("--part", `${(100 * each) / total}%`);
      const cells = [create("th", status === "none" ? "no answer" : status, { scope: "row" })];
      cells.push(create("td", [share]), create("td", count(each)));
      return create("tr", cells, { "data-kind": kindOf(status) });
    }),
  );
}

function kindOf(status: string): "fine" | "refused" | "failed" {
  if (["429", "503"].includes(status)) return "refused";
  return /^[23]/.test(status) ? "fine" : "failed";
}
