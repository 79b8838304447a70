/**
 * The interface of a backend: a kind of location that logs are copied from, copied to, or verified in. A backend is a
 * module whose default export is a Backend, loaded by URL scheme in each thread that needs it. It must import large
 * libraries only when something is opened: the command line loads all backends for their options.
 */

import type { LogFormat } from "../../tlog/layout.ts";
import type { Notice } from "../report/notice.ts";
import type { RetryObserver, RetryPolicy } from "../throttle/backoff.ts";
import type { LogSource, ObjectSource } from "./source.ts";
import type { MigrationTarget } from "./target.ts";

/** The module of each backend by URL scheme, as `file:` URLs; plain data, so that it can be sent to a thread. */
export type BackendModules = Readonly<Record<string, string>>;

/** Values of options by their names in camel case, for instance `contact`; plain data. */
export type OptionValues = Readonly<Record<string, unknown>>;

/** How sources are reached; plain data, with the options that the source's backend declares. */
export interface SourceAccess extends OptionValues {
  /** For the User-Agent. */
  readonly userAgentVersion: string;
}

/** A number of requests in a number of seconds. */
export interface StatedLimit {
  readonly requests: number;
  readonly seconds: number;
}

/** Notified of every request that is sent, redirects included. A status is 0 if there was no response. */
export interface RequestObserver {
  started(): void;
  /**
   * The head of the response came, so many milliseconds after the request; with its Retry-After, and the limit on
   * requests that the server states.
   */
  answered?(
    status: number,
    milliseconds: number,
    retryAfterMs: number | undefined,
    stated?: StatedLimit | undefined,
  ): void;
  /** A new connection had its first answer, a number of milliseconds after it was requested. */
  connected?(milliseconds: number): void;
  /** Such a connection has ended. */
  disconnected?(): void;
  /** A new connection was refused, closed or given up without an answer, a number of milliseconds after it was requested. */
  turnedAway?(milliseconds: number): void;
  /**
   * The request no longer loads the server: it ended, or we paused it. Called once, before `ended`; alone for a request that
   * was admitted and could not start.
   */
  released?(status: number): void;
  /** `bytesOnWire` counts the bytes of the body as received, before decoding. */
  ended(status: number, milliseconds: number, bytesOnWire: number): void;
}

/** Lets a request start, at once or later; rejects when the signal fires. */
export type Admission = (signal: AbortSignal | undefined) => Promise<void> | undefined;

/** What all threads know of the connections to a source. */
export interface ConnectionOutlook {
  /** A number that changes when a request has succeeded. */
  readonly successes: number;
  /** How long a new connection may be without its first answer, in milliseconds, while other requests succeed. */
  readonly firstAnswerMs: number;
  /** The source accepts no more connections: close an idle one. */
  readonly areScarce: boolean;
}

/** How a thread opens a source. */
export interface SourceRequest {
  readonly access: SourceAccess;
  /** The most requests in flight. */
  readonly connections: number;
  readonly observer?: RequestObserver;
  /** Asked before each request. */
  readonly admit?: Admission;
  /** State of the source's connections in all threads; its values change. */
  readonly outlook?: ConnectionOutlook;
  /** Receives sentences for the operator; only in one of all threads. */
  readonly notice?: Notice | undefined;
}

/** How a thread opens a target. */
export interface TargetRequest {
  /** Values of the options that the backend declares. */
  readonly options: OptionValues;
  readonly userAgentVersion: string;
  readonly connections: number;
  readonly retry: RetryPolicy;
  /** The log is only read: the options for its private state are not required. */
  readonly readOnly?: boolean;
  /** Nothing will ever be appended to the log: the options for its private state are not required. */
  readonly isMirror?: boolean | undefined;
  /** Nothing is to be copied there: a claim or a handover is looked for, whatever is next to it. */
  readonly isToTakeBack?: boolean;
  /** The source of the copy, if there is one: the target must not overlap with it. */
  readonly source?: URL | undefined;
  /** Aborts waiting for an answer. */
  readonly signal?: AbortSignal | undefined;
  /** Notified of every retried request. */
  readonly retried?: RetryObserver | undefined;
}

/** An option of the command line that a backend understands. */
export interface BackendOption {
  /** As in "--spanner <database>"; the value is passed under the long name in camel case. */
  readonly flags: string;
  readonly description: string;
  /**
   * Parses a text into a value; receives the previous value of a repeatable option, and a function for warnings.
   * @throws UsageError
   */
  readonly parse?: (text: string, before: unknown, warn?: (sentence: string) => void) => unknown;
  /** The text if the option is passed without its optional value. */
  readonly preset?: string;
  /** An environment variable with the text if the option is not passed. */
  readonly env?: string;
  /** Says who reads, and is accepted for any source: others are refused where they would have no effect. */
  readonly isOfReader?: boolean;
  /** Commands that have the option; default: all. */
  readonly commands?: readonly (
    | "copy"
    | "plan"
    | "follow"
    | "worker"
    | "cutover"
    | "verify"
    | "status"
    | "abandon"
  )[];
}

/** What messages to the operator need to know of a log in a target. */
export interface TargetWords {
  /** Words after the target's name in the step that starts log software, or an empty text. */
  readonly state: string;
  /** Options by which `verify` finds the log's private state, each a word of a command line. */
  readonly verifyOptions: readonly string[];
  /** How it is started there, a sentence; default: as usual for a log of its format. */
  readonly start?: string;
  /** Whether log software can take the log over; false for a mirror. */
  readonly canBeTakenOver: boolean;
}

export interface Backend {
  /** How places are named, for help and messages: "gs://bucket/prefix". */
  readonly form: string;
  /** Whether these are files of this machine: except for the checkpoint, reading them again gives the same bytes. */
  readonly isLocal?: boolean;
  readonly sourceOptions?: readonly BackendOption[];
  readonly targetOptions?: readonly BackendOption[];
  /** Arguments of `copy` that show the backend in its help. */
  readonly example?: string;

  /** @throws UsageError, or rejects with it, if the location does not exist, or the options are not enough to read a log there. */
  checkSource?(url: URL, options: OptionValues, format: LogFormat): void | Promise<void>;
  /** Opens objects that are addressed by path. @throws UsageError if the URL is not a location of this backend. */
  openObjects?(url: URL, request: SourceRequest): Promise<ObjectSource>;
  /** Opens a log that is not stored as objects of the formats' paths; in place of `openObjects`. */
  openSource?(url: URL, request: SourceRequest, format: LogFormat): Promise<LogSource>;
  /** Opens a target, which is also how a log is listed for `verify`. @throws UsageError */
  openTarget?(url: URL, request: TargetRequest): Promise<MigrationTarget>;
  /** @throws UsageError if the options contradict each other. */
  describeTarget?(options: OptionValues): TargetWords;
}
