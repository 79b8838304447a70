/** How Cloud Storage is reached: where it answers, and with whose credentials it is asked. */

import type { GoogleAuth } from "google-auth-library";
import { authorizationHeaders, googleAuth } from "../shared/google-credentials.ts";
import { once } from "../shared/memoize.ts";

const API_ENDPOINT = "https://storage.googleapis.com";

const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";

/** How long a header is used before the library is asked again, which renews a token in time. */
const HEADER_LIFETIME_MS = 30_000;

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
  #kept: { readonly headers: readonly string[]; readonly until: number } | undefined;
  #pending: Promise<readonly string[]> | undefined;
  #auth = newAuth();

  constructor() {
    const emulator = emulatorEndpoint();
    this.endpoint = emulator ?? API_ENDPOINT;
    this.host = new URL(this.endpoint).host;
    this.#anonymous = emulator !== undefined;
  }

  /**
   * The headers that authorize a request, names and values in turn; a promise only where the library must be asked.
   * @throws OperationError if there are no credentials; SourceError if they could not be renewed just now.
   */
  authorization(): readonly string[] | Promise<readonly string[]> {
    if (this.#anonymous) return [];
    if (this.#kept !== undefined && performance.now() < this.#kept.until) return this.#kept.headers;
    this.#pending ??= this.#renew().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  /** The credentials as Google's libraries take them, undefined where there are none. */
  async auth(): Promise<GoogleAuth | undefined> {
    return this.#anonymous ? undefined : await this.#auth();
  }

  /** Drops credentials that were not accepted: whether there may be others. */
  discard(): boolean {
    if (this.#anonymous) return false;
    this.#kept = undefined;
    // The library keeps its tokens for as long as they should be good.
    this.#auth = newAuth();
    return true;
  }

  async #renew(): Promise<readonly string[]> {
    const headers = [...(await authorizationHeaders(await this.#auth()))].flat();
    this.#kept = { headers, until: performance.now() + HEADER_LIFETIME_MS };
    return headers;
  }
}

function newAuth(): () => Promise<GoogleAuth> {
  return once(() => googleAuth(SCOPE));
}
