/** What `status` prints. */

import { describe, expect, test } from "vitest";
import { statusSummary } from "../../../../cmd/report/status.ts";
import type { TargetStatus } from "../../../../lib/index.ts";

const tree = { size: 100_000, rootHash: "r00t" };
const unfinished = {
  target: "/srv/log",
  state: "unfinished",
  origin: "log.example",
  source: "https://log.example/",
  format: "tiles",
  aim: tree,
  phase: "copying",
  sealedEntries: 65_536,
  distrustsSeals: false,
  minIndex: 0,
  allowMissingIssuers: false,
  deep: false,
  tool: "tlog-migrate 0.1.0",
} as const;
const lock = { host: "hive", pid: 7, since: "2026-11-29T12:00:00.000Z", heardAt: "2026-11-29T13:00:00.000Z" };
const shown = (status: TargetStatus) => statusSummary(status, 100);

describe("of an unfinished copy", () => {
  test("how far it is, of what, and what continues it", () => {
    const text = shown(unfinished);
    expect(text).toMatch(/^\/srv\/log is an unfinished copy: entries are missing\.\n/);
    for (const words of [
      "65,536 entries (65.5 %)",
      "log.example",
      "nobody",
      "copy` as before continues it",
    ]) {
      expect(text).toContain(words);
    }
  });

  test("who is at work", () => {
    const running = shown({ ...unfinished, lock: { ...lock, isRunning: true } });
    expect(running).toContain("process 7 on hive, since 2026-11-29T12:00:00.000Z\n");
    expect(running).not.toContain("What to do next");
    const elsewhere = shown({ ...unfinished, lock });
    expect(elsewhere).toContain(
      "since 2026-11-29T12:00:00.000Z, last heard of at 2026-11-29T13:00:00.000Z\n",
    );
    const gone = shown({ ...unfinished, lock: { ...lock, isRunning: false } });
    expect(gone).toContain("nobody: process 7 on hive ended without giving its lock back");
  });

  test("how far one that follows its source was behind, and a cutover", () => {
    const at = "2026-11-29T13:00:00.000Z";
    const since = "2026-11-29T12:59:00.000Z";
    const level = shown({ ...unfinished, following: { at, newest: 700, copied: 700 } });
    expect(level).toContain(`caught up, as of ${at}\n`);
    const following = { at, newest: 900, copied: 700, behindSince: since, unavailableSince: since };
    const cutover = { state: "refused", reason: "its writer is alive" } as const;
    const behind = shown({ ...unfinished, following, cutover });
    expect(behind).toContain(
      `200 entries behind since ${since}, waiting for what is unavailable since ${since}, as of ${at}\n`,
    );
    expect(behind).toContain("refused: its writer is alive");
    const accepted = shown({ ...unfinished, cutover: { state: "accepted" } });
    expect(accepted).toContain("accepted: it is handed over once the source stays the same");
  });

  test("of a mirror, what it serves", () => {
    const mirror = { ...unfinished, state: "mirror" } as const;
    expect(shown(mirror)).toMatch(/is a mirror that has published no checkpoint yet/);
    const serving = shown({ ...mirror, checkpoint: { origin: "log.example", ...tree } });
    expect(serving).toMatch(/is a mirror, which serves a checkpoint of 100,000 entries/);
    expect(serving).toContain("follow --mirror` as before keeps it up to date");
  });

  test("that nothing of it counts, and what is left of it for the handover", () => {
    expect(shown({ ...unfinished, distrustsSeals: true })).toContain("nothing that counts");
    expect(shown({ ...unfinished, phase: "copied", sealedEntries: 0 })).toContain("with --handover");
  });

  test("nothing in it acts on a terminal", () => {
    expect(shown({ ...unfinished, origin: "a\u001b[31mb", target: "/a\nb" })).not.toMatch(
      /\p{Cc}\[31m|a\nb/u,
    );
  });
});

test("of what is handed over, what its log software has added", () => {
  const text = shown({
    target: "/srv/log",
    state: "handed-over",
    origin: "log.example",
    source: "https://log.example/",
    format: "tiles",
    ...tree,
    finishedAt: "2026-11-29T12:00:00.000Z",
    missingIssuers: 0,
    tool: "tlog-migrate 0.1.0",
    tree: { size: 100_007, rootHash: "later" },
  });
  expect(text).toMatch(/handed over on 2026-11-29T12:00:00.000Z/);
  expect(text).toContain("7 entries since the handover");
});

test("of what is not ours, what it is", () => {
  expect(shown({ target: "/srv/log", state: "empty" })).toBe("/srv/log is empty: a copy may begin there.\n");
  const occupied = shown({ target: "/srv/log", state: "occupied", found: "a checkpoint" });
  expect(occupied).toMatch(/somebody's log.*\n\n {2}found {2}a checkpoint\n$/s);
  expect(shown({ target: "/srv/log", state: "other-tiles", example: "tile/0/000" })).toContain("--adopt");
});
