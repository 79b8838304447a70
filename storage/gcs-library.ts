/**
 * A bucket through Google's client library: what is asked seldom, and by one thread. The library takes 0.2 s to
 * load, so that it is loaded when it is first used.
 */

import type { ApiError, Bucket } from "@google-cloud/storage";
import { OperationFailure, oneLine } from "../lib/tlog/errors.ts";
import { AbortWatch } from "./abort-watch.ts";
import { gcsError } from "./gcs-errors.ts";
import type { Patience } from "./gcs-objects.ts";
import { formatGcsName, type GcsPlace } from "./gcs-place.ts";
import { lazily } from "./lazily.ts";
import { SourceError } from "./source.ts";
import type { StoredObject } from "./target.ts";

/** A small object, and which of the objects of its name it is. */
export interface GcsDocument {
  readonly text: string;
  readonly generation: string;
}

/** What the JSON API says to a listing, of the fields that are asked for. */
interface ListAnswer {
  readonly items?: readonly { readonly name: string; readonly size: string }[];
  readonly nextPageToken?: string;
}

export class GcsLibrary {
  readonly #place: GcsPlace;
  readonly #patience: Patience;
  readonly #signal: AbortSignal | undefined;
  readonly #aborts = new AbortWatch();

  /** @param signal ends the wait for an answer; what was asked may be done all the same. */
  constructor(place: GcsPlace, patience: Patience, signal?: AbortSignal) {
    this.#place = place;
    this.#patience = patience;
    this.#signal = signal;
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

  async read(path: string): Promise<GcsDocument | undefined> {
    return await this.#do(path, async (bucket) => {
      try {
        const [{ generation = 0 }] = await bucket.file(this.#name(path)).getMetadata();
        const file = bucket.file(this.#name(path), { generation });
        const [bytes] = await file.download({ validation: "crc32c" });
        return { text: bytes.toString("utf8"), generation: String(generation) };
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

  async remove(path: string): Promise<void> {
    await this.#do(path, (bucket) => bucket.file(this.#name(path)).delete({ ignoreNotFound: true }));
  }

  #name(path: string): string {
    return this.#place.prefix + path;
  }

  #bucket = lazily(async () => {
    const { Storage } = await import("@google-cloud/storage");
    // How long it waits between them is the library's own business: seconds, twice as many each time.
    const storage = new Storage({ retryOptions: { maxRetries: this.#patience.attempts } });
    return storage.bucket(this.#place.bucket);
  });

  async #do<T>(path: string, work: (bucket: Bucket) => Promise<T>): Promise<T> {
    try {
      return await this.#aborts.until(this.#bucket().then(work), this.#signal);
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw this.#failure(path, error);
    }
  }

  #failure(path: string, error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    const status = statusOf(error);
    const problem = oneLine(error.message).slice(0, 300);
    const { message, advice } = gcsError(new SourceError(problem, { retryable: false, status }), this.#place);
    return new OperationFailure(
      {
        object: formatGcsName(this.#place, path),
        problem: status === undefined ? message : `Cloud Storage answered ${status}: ${message}`,
        advice: advice ?? "Run the same command again, it goes on where it stopped",
      },
      { cause: error },
    );
  }
}

function statusOf(error: unknown): number | undefined {
  const code = error instanceof Error && "code" in error ? (error as ApiError).code : undefined;
  return typeof code === "number" ? code : undefined;
}
