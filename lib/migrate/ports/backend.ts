/**
 * What a kind of place must offer so that logs can be copied from it, into it, or verified there. A backend is a
 * module whose default export is a Backend, loaded by URL scheme in each thread that needs it. It imports what is heavy
 * only when something is opened: the command line loads all of them for their options.
 */

import type { LogFormat } from "../../tlog/layout.ts";
import type { Notice } from "../notice.ts";
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

/** So many requests in so many seconds. */
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
  /** A new connection brought its first answer, so many milliseconds after it was asked for. */
  connected?(milliseconds: number): void;
  /** Such a connection has ended. */
  disconnected?(): void;
  /** A new connection was refused, ended or given up without an answer, so many milliseconds after it was asked for. */
  turnedAway?(milliseconds: number): void;
  /** The request no longer loads the server: it ended, or we paused it. Called once, before `ended`. */
  released?(status: number): void;
  /** `bytesOnWire` counts the body as it came, before its encoding was undone. */
  ended(status: number, milliseconds: number, bytesOnWire: number): void;
}

/** Lets a request pass, at once or later; rejects when the signal fires. */
export type Admission = (signal: AbortSignal | undefined) => Promise<void> | undefined;

/** What all threads know of the connections to a source. */
export interface ConnectionOutlook {
  /** A number that changes when a request has succeeded. */
  readonly successes: number;
  /** How long a new connection may go without its first answer, in milliseconds, where requests succeed meanwhile. */
  readonly firstAnswerMs: number;
  /** The source takes no more: one that carries nothing is to be closed. */
  readonly areScarce: boolean;
}

/** What a thread asks of a source that it opens. */
export interface SourceRequest {
  readonly access: SourceAccess;
  /** The most requests in flight. */
  readonly connections: number;
  readonly observer?: RequestObserver;
  /** Asked before each request. */
  readonly admit?: Admission;
  /** What is known of the source's connections over all threads; its values change. */
  readonly outlook?: ConnectionOutlook;
  /** Notified of what an operator should know, a sentence each; for one thread of all. */
  readonly notice?: Notice | undefined;
}

/** What a thread asks of a target that it opens. */
export interface TargetRequest {
  /** Values of the options that the backend declares. */
  readonly options: OptionValues;
  readonly userAgentVersion: string;
  readonly connections: number;
  readonly retry: RetryPolicy;
  /** The log is only looked at: its private state need not be named. */
  readonly readOnly?: boolean;
  /** Nothing is to be copied there: a claim or a handover is looked for, whatever is next to it. */
  readonly isToTakeBack?: boolean;
  /** What is copied there, if it is: the target must be apart from it. */
  readonly source?: URL | undefined;
  /** Ends the wait for an answer. */
  readonly signal?: AbortSignal | undefined;
  /** To be notified of every request that is tried again. */
  readonly retried?: RetryObserver | undefined;
}

/** An option of the command line that a backend understands. */
export interface BackendOption {
  /** As in "--spanner <database>"; the value is passed under the long name in camel case. */
  readonly flags: string;
  readonly description: string;
  /**
   * Makes a value of a text; given the value so far where an option may be repeated, and whom to warn.
   * @throws UsageError
   */
  readonly parse?: (text: string, before: unknown, warn?: (sentence: string) => void) => unknown;
  /** The text where the option is given without its optional value. */
  readonly preset?: string;
  /** An environment variable that has the text where the option is not given. */
  readonly env?: string;
  /** Commands that have the option; default: all. */
  readonly commands?: readonly ("copy" | "plan" | "follow" | "cutover" | "verify" | "status" | "abandon")[];
}

/** What is said to an operator about a log in a target. */
export interface TargetWords {
  /** What follows the target's name where log software is to be started on it, or nothing. */
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
  /** Whether these are files of this machine: but for the checkpoint, they do not change by being read again. */
  readonly isLocal?: boolean;
  readonly sourceOptions?: readonly BackendOption[];
  readonly targetOptions?: readonly BackendOption[];
  /** Arguments of `copy` that show the backend in its help. */
  readonly example?: string;

  /** @throws UsageError, or rejects with it, if there is no such place, or the options are not enough to read a log there. */
  checkSource?(url: URL, options: OptionValues, format: LogFormat): void | Promise<void>;
  /** Opens objects that are addressed by path. @throws UsageError if the URL names no place. */
  openObjects?(url: URL, request: SourceRequest): Promise<ObjectSource>;
  /** Opens a log that is not stored as objects of the formats' paths; in place of `openObjects`. */
  openSource?(url: URL, request: SourceRequest, format: LogFormat): Promise<LogSource>;
  /** Opens a target, which is also how a log is listed for `verify`. @throws UsageError */
  openTarget?(url: URL, request: TargetRequest): Promise<MigrationTarget>;
  /** @throws UsageError if the options contradict each other. */
  describeTarget?(options: OptionValues): TargetWords;
}
