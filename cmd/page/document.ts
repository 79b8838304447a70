/**
 * The shape of `/status.json`, which `/events` sends too: documented in docs/page.md. It imports nothing, since the page
 * in the browser is checked against it.
 */

/** Goes up when a member changes its meaning or goes away; members may be added at any time. */
export const DOCUMENT_VERSION = 1;

export interface StatusDocument {
  readonly version: typeof DOCUMENT_VERSION;
  readonly tool: string;
  readonly command: string;
  /** Where it is read from; a verification reads `target`. */
  readonly source?: string;
  /** What is written to, or verified. */
  readonly target: string;
  /** The log's name, once its checkpoint is verified. */
  readonly origin?: string;
  /** ISO 8601, as all times. */
  readonly startedAt: string;
  readonly at: string;
  /** What `/readyz` says. */
  readonly ready: boolean;
  readonly progress: ProgressFacts;
  /** Of a copy that follows its source. */
  readonly following?: FollowFacts;
  readonly isHandedOver: boolean;
  readonly requests: RequestFacts;
  readonly counts: CountFacts;
  readonly seals: SealFacts;
  /** The last ones, the oldest first. */
  readonly notices: readonly NoticeFacts[];
  /** Only when the run has ended. */
  readonly outcome?: OutcomeFacts;
}

/** As the lines of `--log-format json` have it. */
export interface ProgressFacts {
  readonly phase: string;
  readonly size: number;
  readonly entriesDone: number;
  /** Over the last seconds; left out while unknown. */
  readonly entriesPerSecond?: number;
  readonly bytesPerSecond?: number;
  readonly secondsLeft?: number;
  readonly retries: number;
  /** Why nothing moves, as a clause. */
  readonly stall?: string;
}

/** What the run has done since its start. */
export interface CountFacts {
  /** Entries that it has copied or verified. */
  readonly entries: number;
  /** Entries that earlier runs had copied. */
  readonly resumedEntries: number;
  readonly bytesStored: number;
  /** Of response bodies, as they came over the wire. */
  readonly bytesReceived: number;
}

export interface FollowFacts {
  /** Entries of the newest checkpoint of the source, and of the tree that the target has. */
  readonly sourceSize: number;
  readonly copiedSize: number;
  /** For how long the target has lacked some, 0 if it does not. */
  readonly lagSeconds: number;
  /** When the target last had all that the source had; left out until it has. */
  readonly caughtUpAt?: string;
  /** For how long the source or the target has been unavailable, 0 if neither is. */
  readonly unavailableSeconds: number;
  /** For how long the source has shown an older checkpoint than before, 0 if it does not. */
  readonly staleSeconds: number;
  readonly isCutoverPending: boolean;
  /** Of a mirror alone: entries of the checkpoint that it has published, 0 before there is one. */
  readonly publishedSize?: number;
}

export interface RequestFacts {
  readonly inFlight: number;
  /** That may be in flight to the source, 0 before there is one. */
  readonly limit: number;
  /** Finished ones by HTTP status, `none` without a response. */
  readonly byStatus: Readonly<Record<string, number>>;
  /** Times that the limit was made smaller, since the source refused some. */
  readonly throttles: number;
  /** The wait that the source asks for, while it lasts. */
  readonly pause?: { readonly status: number; readonly secondsLeft: number };
}

export interface SealFacts {
  /** Seals in a cell, a power of two; the last cell may have fewer. */
  readonly sealsPerCell: number;
  readonly seals: number;
  /** For each cell the percentage of its entries that are in place, rounded down; 100 only once its seals are written. */
  readonly percent: readonly number[];
  /** Cells that are being worked on. */
  readonly inWork: readonly number[];
}

export interface NoticeFacts {
  readonly at: string;
  readonly level: "info" | "warning";
  readonly text: string;
}

export interface OutcomeFacts {
  readonly exitCode: number;
  readonly text: string;
}

/** What `/events` sends first: the run up to now, in few samples whatever its length. */
export interface HistoryDocument {
  readonly samples: readonly Sample[];
}

/** Counts since the start; rates are the differences. */
export type Sample = readonly [atMs: number, entries: number, bytes: number, lagSeconds: number];
