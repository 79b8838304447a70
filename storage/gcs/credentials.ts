/** How a thread reaches Cloud Storage: where it answers, and with whose credentials it is asked. */

import type { GoogleAuth } from "google-auth-library";
import { OperationError } from "../../lib/errors.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { once } from "../shared/memoize.ts";

const API_ENDPOINT = "https://storage.googleapis.com";

const EMULATOR = "STORAGE_EMULATOR_HOST";

const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";

/** How long a header is used before the library is asked again, which renews a token in time. */
const HEADER_LIFETIME_MS = 30_000;

/** As Google's client library for Node takes it: an emulator is asked without credentials. */
function emulatorEndpoint(): string | undefined {
  const host = process.env[EMULATOR];
  if (host === undefined || host === "") return undefined;
  return (/^https?:\/\//.test(host) ? host : `https://${host}`).replace(/\/+$/, "");
}

export class GcsAccess {
  /** Origin of the JSON and the XML API. */
  readonly endpoint: string;
  readonly #anonymous: boolean;
  #header: { readonly line: string; readonly until: number } | undefined;
  #pending: Promise<string> | undefined;

  constructor() {
    const emulator = emulatorEndpoint();
    this.endpoint = emulator ?? API_ENDPOINT;
    this.#anonymous = emulator !== undefined;
  }

  /**
   * The header line that authorizes a request, ended by CR LF; a promise only where the library must be asked.
   * @throws OperationError if there are no credentials; SourceError if they could not be renewed just now.
   */
  authorization(): string | Promise<string> {
    if (this.#anonymous) return "";
    if (this.#header !== undefined && performance.now() < this.#header.until) return this.#header.line;
    this.#pending ??= this.#renew().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  /** Drops credentials that were not accepted: whether there may be others. */
  discard(): boolean {
    if (this.#anonymous) return false;
    this.#header = undefined;
    // It keeps its tokens for as long as they should be good.
    this.#auth = authFor(SCOPE);
    return true;
  }

  async #renew(): Promise<string> {
    const headers = await credentials(this.#auth);
    const line = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this.#header = { line, until: performance.now() + HEADER_LIFETIME_MS };
    return line;
  }

  #auth = authFor(SCOPE);
}

/** Requires credentials, before a library is asked that has no clear words for their absence. @throws as above. */
export async function requireCredentials(scope: string): Promise<void> {
  await credentials(authFor(scope));
}

// Only where it is needed: it takes 50 ms to load.
function authFor(scope: string): () => Promise<GoogleAuth> {
  return once(async () => {
    const { GoogleAuth } = await import("google-auth-library");
    return new GoogleAuth({ scopes: [scope] });
  });
}

async function credentials(auth: () => Promise<GoogleAuth>): Promise<Headers> {
  return await (await auth()).getRequestHeaders().catch((error: unknown) => {
    throw credentialsFailure(error);
  });
}

const ADVICE =
  "Run `gcloud auth application-default login`, or name a service account's key file in " +
  "GOOGLE_APPLICATION_CREDENTIALS; a public bucket can be read without any, as " +
  "https://storage.googleapis.com/BUCKET/PREFIX";

/** Of a line that breaks while a token is renewed, every hour of a long copy: worth another try. */
const PASSING = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;

/** Why there are no credentials: a SourceError that may pass, or an OperationError that says what to do. */
export function credentialsFailure(error: unknown): SourceError | OperationError {
  const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  const { code, status } = (error ?? {}) as { readonly code?: unknown; readonly status?: unknown };
  const isBusy = typeof status === "number" && (status === 429 || status >= 500);
  if (isBusy || (typeof code === "string" && PASSING.test(code))) {
    const problem = `Google Cloud credentials could not be renewed: ${reason}`;
    return new SourceError(problem, { retryable: true, advice: ADVICE }, { cause: error });
  }
  return new OperationError(
    { object: "Google Cloud credentials", problem: `cannot be had: ${reason}`, advice: ADVICE },
    { cause: error },
  );
}
