/** Credentials for Google Cloud, from wherever Google's library for Node finds them. */

import type { GoogleAuth } from "google-auth-library";
import { OperationError } from "../../lib/errors.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";

/** Loads the library, which takes 50 ms. */
export async function googleAuth(scope: string): Promise<GoogleAuth> {
  const { GoogleAuth } = await import("google-auth-library");
  return new GoogleAuth({ scopes: [scope] });
}

/** The headers that authorize a request. @throws what `credentialsFailure` returns. */
export async function authorizationHeaders(auth: GoogleAuth): Promise<Headers> {
  return await auth.getRequestHeaders().catch((error: unknown) => {
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
    { object: "Google Cloud credentials", problem: `are unavailable: ${reason}`, advice: ADVICE },
    { cause: error },
  );
}
