/**
 * A bucket through Google's client library: what is asked seldom, and by one thread. The library takes 0.2 s to
 * load, so that it is loaded when it is first used.
 *
 * Its own way of trying again is turned off. It waits for as long as minutes between two tries, tries a name again that
 * does not exist, and has no limit of time for an answer that does not come.
 */

import type { ApiError, Bucket } from "@google-cloud/storage";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import type { StoredObject } from "../../lib/migrate/ports/target.ts";
import type { RetryPolicy } from "../../lib/migrate/throttle/backoff.ts";
import { oneLine } from "../../lib/tlog/errors.ts";
import { networkError, statusError } from "../http/error-messages.ts";
import { DEFAULT_TIMEOUTS } from "../http/source.ts";
import { AbortWatch } from "../shared/abort-watch.ts";
import { once } from "../shared/memoize.ts";
import { withinTime } from "../shared/within-time.ts";
import { GcsAccess } from "./credentials.ts";
import { gcsError } from "./error-messages.ts";
import { patiently } from "./retry.ts";
import { formatGcsName, type GcsPlace } from "./url.ts";

/** A small object, and which of the objects of its name it is. */
export interface GcsDocument {
  readonly text: string;
  readonly generation: string;
  /** When it was stored, by Cloud Storage's clock, in milliseconds since the epoch. */
  readonly storedAt: number;
}

/** What the JSON API says to a listing, of the fields that are asked for. */
interface ListAnswer {
  readonly items?: readonly { readonly name: string; readonly size: string }[];
  readonly nextPageToken?: string;
}

/** How long an answer is waited for, in milliseconds. */
export interface LibraryTimeouts {
  /** Each time that it is asked for. */
  readonly answerMs: number;
  /** When it is not asked for again any more. */
  readonly totalMs: number;
}

const TIMEOUTS: LibraryTimeouts = { answerMs: 30_000, totalMs: 180_000 };

export class GcsLibrary {
  readonly #place: GcsPlace;
  readonly #patience: RetryPolicy;
  readonly #signal: AbortSignal | undefined;
  readonly #timeouts: LibraryTimeouts;
  readonly #access = new GcsAccess();
  readonly #aborts = new AbortWatch();
  /** Whether Cloud Storage was ever there. Where it was not, it is the network or the address that is wrong. */
  #wasReached = false;

  /** @param signal ends the wait for an answer; what was asked may be done all the same. */
  constructor(place: GcsPlace, patience: RetryPolicy, signal?: AbortSignal, timeouts = TIMEOUTS) {
    this.#place = place;
    this.#patience = patience;
    this.#signal = signal;
    this.#timeouts = timeouts;
  }

  /** Every object below `directory`, by name. */
  async *list(directory: string): AsyncGenerator<StoredObject> {
    const { prefix } = this.#place;
    let pageToken: string | undefined;
    do {
      const query = {
        prefix: `${prefix}${directory}/`,
        autoPaginate: false,
        fields: "items(name,size),nextPageToken",
        ...(pageToken === undefined ? {} : { pageToken }),
      };
      const [, , answer] = await this.#do(directory, (bucket) => bucket.getFiles(query));
      const { items = [], nextPageToken } = answer as ListAnswer;
      for (const { name, size } of items) yield { path: name.slice(prefix.length), bytes: Number(size) };
      pageToken = nextPageToken;
    } while (pageToken !== undefined);
  }

  /** The name of some object below `directory`, undefined if there is none. */
  async firstBelow(directory: string): Promise<string | undefined> {
    const prefix = `${this.#place.prefix}${directory}/`;
    const query = { prefix, autoPaginate: false, maxResults: 1, fields: "items(name)" };
    const [[file]] = await this.#do(directory, (bucket) => bucket.getFiles(query));
    return file?.name.slice(this.#place.prefix.length);
  }

  async has(path: string): Promise<boolean> {
    return (await this.#do(path, (bucket) => bucket.file(this.#name(path)).exists()))[0];
  }

  /** Which of the objects of its name an object is, undefined if there is none. */
  async generationOf(path: string): Promise<string | undefined> {
    return await this.#do(path, async (bucket) => {
      try {
        const [{ generation = 0 }] = await bucket.file(this.#name(path)).getMetadata();
        return String(generation);
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    });
  }

  async read(path: string): Promise<GcsDocument | undefined> {
    return await this.#do(path, async (bucket) => {
      try {
        const [{ generation = 0, updated = "" }] = await bucket.file(this.#name(path)).getMetadata();
        const file = bucket.file(this.#name(path), { generation });
        const [bytes] = await file.download({ validation: "crc32c" });
        return {
          text: bytes.toString("utf8"),
          generation: String(generation),
          storedAt: Date.parse(updated),
        };
      } catch (error) {
        // Changed between the two requests is as good as gone: whoever asks looks again, or fails later.
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    });
  }

  /** Writes a document where there is none, or in place of one: whether that was still so. */
  async write(path: string, text: string, instead: GcsDocument | undefined): Promise<boolean> {
    return await this.#do(path, async (bucket) => {
      try {
        await bucket.file(this.#name(path)).save(text, {
          resumable: false,
          validation: "crc32c",
          preconditionOpts: { ifGenerationMatch: instead?.generation ?? 0 },
          metadata: { contentType: "application/json", cacheControl: "no-store" },
        });
        return true;
      } catch (error) {
        if (statusOf(error) !== 412) throw error;
        // A request whose answer got lost was sent again, and met itself.
        const [bytes] = await bucket.file(this.#name(path)).download();
        return bytes.toString("utf8") === text;
      }
    });
  }

  /** Removes an object if it is of this generation: whether there is none now. */
  async remove(path: string, generation: string): Promise<boolean> {
    return await this.#do(path, async (bucket) => {
      const file = bucket.file(this.#name(path));
      try {
        await file.delete({ ignoreNotFound: true, ifGenerationMatch: generation });
        return true;
      } catch (error) {
        if (statusOf(error) !== 412) throw error;
        // It may be gone too: a request whose answer got lost was sent again.
        return !(await file.exists())[0];
      }
    });
  }

  #name(path: string): string {
    return this.#place.prefix + path;
  }

  #bucket = once(async () => {
    const { Storage } = await import("@google-cloud/storage");
    return new Storage({ retryOptions: { autoRetry: false } }).bucket(this.#place.bucket);
  });

  #do<T>(path: string, work: (bucket: Bucket) => Promise<T>): Promise<T> {
    const limits = {
      patience: this.#patience,
      signal: this.#signal,
      totalMs: this.#timeouts.totalMs,
      isWorthwhile: (error: SourceError) => this.#wasReached || !error.unreachable,
    };
    return patiently(formatGcsName(this.#place, path), limits, () =>
      this.#aborts.until(this.#ask(work), this.#signal),
    );
  }

  async #ask<T>(work: (bucket: Bucket) => Promise<T>): Promise<T> {
    // Asked for first, since the library has no clear words for credentials that it cannot find.
    await this.#access.authorization();
    const bucket = await this.#bucket();
    const { answerMs } = this.#timeouts;
    try {
      const answer = await withinTime(work(bucket), answerMs, () => noAnswer(answerMs));
      this.#wasReached = true;
      return answer;
    } catch (error) {
      if (statusOf(error) !== undefined) this.#wasReached = true;
      throw this.#sourceError(error);
    }
  }

  /** A failure of the library's in our words; anything else is left as it is. */
  #sourceError(error: unknown): unknown {
    if (!(error instanceof Error && "code" in error)) return error;
    const { host } = new URL(this.#access.endpoint);
    const status = statusOf(error);
    if (status === undefined) return networkError(error, { host, timeouts: DEFAULT_TIMEOUTS }, false);
    return gcsError(statusError(status, host, undefined), this.#place, oneLine(error.message).slice(0, 300));
  }
}

function statusOf(error: unknown): number | undefined {
  const code = error instanceof Error && "code" in error ? (error as ApiError).code : undefined;
  return typeof code === "number" ? code : undefined;
}

function noAnswer(answerMs: number): SourceError {
  const advice = "Check this machine's network, then run the same command again";
  return new SourceError(`Cloud Storage gave no answer within ${answerMs / 1000} s`, {
    retryable: true,
    advice,
  });
}
