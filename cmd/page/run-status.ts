/** What is known of a run, for those who watch it. */

import { type Following, oneLine, type Progress, secondsSince } from "../../lib/index.ts";
import { progressFacts } from "../progress/line.ts";
import { type Pace, PaceMeter } from "../progress/pace.ts";
import { StallWatch } from "../progress/stall.ts";
import { VERSION } from "../version.ts";
import {
  DOCUMENT_VERSION,
  type FollowFacts,
  type HistoryDocument,
  type NoticeFacts,
  type OutcomeFacts,
  type StatusDocument,
} from "./document.ts";
import { History, sampleOf } from "./history.ts";

/** Notices that are kept: a run of weeks may have thousands. */
const MAX_NOTICES = 50;

/** What is run on what; addresses as they may be shown. */
export interface WatchedRun {
  readonly command: string;
  readonly source?: string | undefined;
  readonly target: string;
  /** Of a copy that follows its source: it is ready while it is behind for no longer, in seconds. */
  readonly maxLag?: number | undefined;
}

export class RunStatus {
  readonly #progress: Progress;
  readonly #run: WatchedRun;
  readonly #startedAt = new Date().toISOString();
  readonly #meter = new PaceMeter();
  readonly #stalls = new StallWatch();
  readonly #history = new History();
  readonly #notices: NoticeFacts[] = [];
  #pace: Pace = {};
  #stall: string | undefined;
  #outcome: OutcomeFacts | undefined;

  constructor(progress: Progress, run: WatchedRun) {
    this.#progress = progress;
    this.#run = run;
  }

  /** To be called regularly: measures the pace. @param nowMs as `performance.now()` has it. */
  observe(nowMs: number): void {
    const snapshot = this.#progress.snapshot();
    this.#pace = this.#meter.observe(snapshot, nowMs);
    this.#stall = this.#stalls.observe(snapshot, nowMs);
    this.#history.add(sampleOf(this.document()));
  }

  notice(text: string, level: NoticeFacts["level"]): void {
    this.#notices.push({ at: new Date().toISOString(), level, text: oneLine(text) });
    if (this.#notices.length > MAX_NOTICES) this.#notices.shift();
  }

  ended(outcome: OutcomeFacts): void {
    this.#outcome = outcome;
  }

  /**
   * Whether the run does what it is for: a copy that follows its source has caught up and is behind for no longer than it
   * may be, others have verified the checkpoint.
   */
  get isReady(): boolean {
    const { phase, following } = this.#progress;
    const { maxLag } = this.#run;
    if (maxLag === undefined) return phase !== "reading the checkpoint";
    if (following?.caughtUpAt === undefined) return false;
    // How far a source has grown that cannot be asked is unknown.
    const { behindSince, unavailableSince } = following;
    return Math.max(secondsSince(behindSince), secondsSince(unavailableSince)) <= maxLag;
  }

  document(): StatusDocument {
    const { origin, seals } = this.#progress;
    const { command, source, target } = this.#run;
    const snapshot = this.#progress.snapshot();
    const { counters, requestLimit, pause, following } = snapshot;
    const byStatus = [...counters.requestsByStatus()].map(([status, n]) => [status || "none", n]);
    return {
      version: DOCUMENT_VERSION,
      tool: `tlog-migrate ${VERSION}`,
      command,
      ...(source !== undefined && { source: oneLine(source) }),
      target: oneLine(target),
      ...(origin !== undefined && { origin: oneLine(origin) }),
      startedAt: this.#startedAt,
      at: new Date().toISOString(),
      ready: this.isReady,
      progress: {
        ...progressFacts(snapshot, this.#pace),
        ...(this.#stall !== undefined && { stall: this.#stall }),
      },
      ...(following && { following: followFacts(following) }),
      isHandedOver: snapshot.isHandedOver,
      requests: {
        inFlight: counters.get("inFlight"),
        limit: requestLimit,
        byStatus: Object.fromEntries(byStatus),
        throttles: counters.get("throttles"),
        ...(pause && { pause: { status: pause.status, secondsLeft: pause.leftMs / 1000 } }),
      },
      counts: {
        entries: counters.get("entries"),
        resumedEntries: counters.get("resumedEntries"),
        bytesStored: counters.get("bytesStored"),
        bytesReceived: counters.get("bytesReceived"),
      },
      seals: seals.cells(),
      notices: this.#notices,
      ...(this.#outcome && { outcome: this.#outcome }),
    };
  }

  history(): HistoryDocument {
    return { samples: this.#history.samples };
  }
}

function followFacts(following: Following): FollowFacts {
  const {
    newest,
    copied,
    behindSince,
    caughtUpAt,
    unavailableSince,
    staleSince,
    isCutoverPending,
    published,
  } = following;
  return {
    sourceSize: newest,
    copiedSize: copied,
    lagSeconds: secondsSince(behindSince),
    ...(caughtUpAt !== undefined && { caughtUpAt: new Date(caughtUpAt).toISOString() }),
    unavailableSeconds: secondsSince(unavailableSince),
    staleSeconds: secondsSince(staleSince),
    isCutoverPending,
    ...(published !== undefined && { publishedSize: published }),
  };
}
