/** How Cloud Storage is reached: where it answers, and with whose credentials it is asked. */

import type { GoogleAuth } from "google-auth-library";
import { authorizationHeaders, googleAuth } from "../shared/google-credentials.ts";
import { once, onceEvery } from "../shared/memoize.ts";

const API_ENDPOINT = "https://storage.googleapis.com";

const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";

/** How long headers are used before the library is asked again, which renews a token in time. */
const HEADERS_LIFETIME_MS = 30_000;

/** As Google's client library for Node takes it: an emulator is asked without credentials. */
function emulatorEndpoint(): string | undefined {
  const host = process.env.STORAGE_EMULATOR_HOST;
  if (host === undefined || host === "") return undefined;
  return (/^https?:\/\//.test(host) ? host : `https://${host}`).replace(/\/+$/, "");
}

/** Shared by all that a thread asks of one bucket. */
export class GcsAccess {
  /** Origin of the JSON and the XML API. */
  readonly endpoint: string;
  readonly host: string;
  readonly #anonymous: boolean;
  #credentials = newCredentials();

  constructor() {
    const emulator = emulatorEndpoint();
    this.endpoint = emulator ?? API_ENDPOINT;
    this.host = new URL(this.endpoint).host;
    this.#anonymous = emulator !== undefined;
  }

  /**
   * The headers that authorize a request, names and values in turn.
   * @throws OperationError if there are no credentials; SourceError if they could not be renewed just now.
   */
  authorization(): Promise<readonly string[]> {
    return this.#anonymous ? ANONYMOUS : this.#credentials.headers();
  }

  /** The credentials as Google's libraries take them, undefined where none are needed. */
  async auth(): Promise<GoogleAuth | undefined> {
    return this.#anonymous ? undefined : await this.#credentials.auth();
  }

  /** Drops credentials that were not accepted: whether there may be others. */
  discard(): boolean {
    if (this.#anonymous) return false;
    // The library keeps its tokens for as long as they should be good.
    this.#credentials = newCredentials();
    return true;
  }
}

const ANONYMOUS = Promise.resolve([]);

function newCredentials() {
  const auth = once(() => googleAuth(SCOPE));
  const headers = onceEvery(HEADERS_LIFETIME_MS, async () =>
    [...(await authorizationHeaders(await auth()))].flat(),
  );
  return { auth, headers };
}
