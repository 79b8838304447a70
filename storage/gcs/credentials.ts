/** How Cloud Storage is reached: its address and the credentials. */

import type { GoogleAuth } from "google-auth-library";
import { UsageError } from "../../lib/errors.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { authorizationHeaders, googleAuth } from "../shared/google-credentials.ts";
import { once, onceEvery } from "../shared/memoize.ts";

const API_ENDPOINT = "https://storage.googleapis.com";

const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";

/** How long headers are used before the library is asked again, which renews a token in time. */
const HEADERS_LIFETIME_MS = 30_000;

const ANONYMOUS = Promise.resolve([]);

/** Shared by all that a thread asks of one bucket. An emulator is asked without credentials. */
export class GcsAccess {
  /** Of the JSON and the XML API. */
  readonly endpoint: string;
  readonly host: string;
  readonly #anonymous: boolean;
  #credentials = newCredentials();

  constructor() {
    // As Google's client library for Node takes it.
    const emulator = process.env.STORAGE_EMULATOR_HOST ?? "";
    this.#anonymous = emulator !== "";
    this.endpoint = this.#anonymous ? emulatorOrigin(emulator) : API_ENDPOINT;
    this.host = new URL(this.endpoint).host;
  }

  /** Headers, names and values in turn. @throws OperationError if there are none; SourceError if none just now. */
  authorization(): Promise<readonly string[]> {
    return this.#anonymous ? ANONYMOUS : this.#credentials.headers();
  }

  /** The credentials as Google's libraries take them, undefined where none are needed. */
  async auth(): Promise<GoogleAuth | undefined> {
    return this.#anonymous ? undefined : await this.#credentials.auth();
  }

  /** Sends a request; once more with other credentials, if there may be others, where they were not accepted. */
  async renewing<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof SourceError) || error.status !== 401 || !this.discard()) throw error;
      return await request();
    }
  }

  /** Drops credentials that were not accepted: whether there may be others. */
  discard(): boolean {
    // The library keeps its tokens for as long as they should be good.
    if (!this.#anonymous) this.#credentials = newCredentials();
    return !this.#anonymous;
  }
}

/** @throws UsageError unless it is a host, with or without a port, and perhaps the scheme. */
function emulatorOrigin(emulator: string): string {
  const url = URL.parse(/^https?:\/\//.test(emulator) ? emulator : `https://${emulator}`);
  if (url !== null && `${url.origin}/` === url.href.replace(/\/+$/, "/")) return url.origin;
  throw new UsageError({
    object: "STORAGE_EMULATOR_HOST",
    problem: "is not the address of an emulator",
    expected: "http://HOST:PORT",
    advice: "Unset it to use Cloud Storage itself",
  });
}

function newCredentials() {
  const auth = once(() => googleAuth(SCOPE));
  const headers = onceEvery(HEADERS_LIFETIME_MS, async () =>
    [...(await authorizationHeaders(await auth()))].flat(),
  );
  return { auth, headers };
}
