/** Credentials for AWS, from wherever AWS's library for Node finds them: that also renews them in time. */

import type { defaultProvider } from "@aws-sdk/credential-provider-node";
import { OperationError } from "../../lib/errors.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { oneLine } from "../../lib/tlog/errors.ts";
import { once } from "../shared/memoize.ts";
import { withinTime } from "../shared/within-time.ts";
import type { SigningKeys } from "./signature.ts";

type Provider = ReturnType<typeof defaultProvider>;

/** How long the library may take: a chain of roles asks several services. */
const RENEWAL_MS = 120_000;

const ADVICE =
  "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE after `aws sso login`; a public bucket can be " +
  "read without any, by its https address";

/** Of the library's chatter; its one warning would be printed in each thread. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

export class AwsCredentials {
  #last: SigningKeys | undefined;

  /** @throws OperationError if there are none; SourceError if there were some, and are none just now. */
  async current(): Promise<SigningKeys> {
    return await this.#ask((provider) => provider());
  }

  /** Sends a request; once more with new credentials where those that it had have expired. */
  async renewing<T>(send: () => Promise<T>, isExpired: (error: unknown) => boolean): Promise<T> {
    const used = this.#last;
    try {
      return await send();
    } catch (error) {
      if (!isExpired(error)) throw error;
      // Unless another request has seen to it.
      if (used === undefined || used === this.#last)
        await this.#ask((provider) => provider({ forceRefresh: true }));
      return await send();
    }
  }

  /** Loads the library, which takes 15 ms. */
  #provider = once(async (): Promise<Provider> => {
    const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
    // Files are read again each time: somebody may have renewed what is there.
    return defaultProvider({ logger: SILENT, ignoreCache: true });
  });

  async #ask(ask: (provider: Provider) => ReturnType<Provider>): Promise<SigningKeys> {
    const provider = await this.#provider();
    const late = () => new Error(`no answer within ${RENEWAL_MS / 1000} s`);
    try {
      this.#last = await withinTime(ask(provider), RENEWAL_MS, late);
      return this.#last;
    } catch (error) {
      throw credentialsFailure(error, this.#last !== undefined);
    }
  }
}

/** Why there are no credentials. Where there were some before, it is a line that broke, and worth another try. */
export function credentialsFailure(error: unknown, hadSome: boolean): SourceError | OperationError {
  const reason = oneLine(error instanceof Error ? error.message : String(error)).slice(0, 300);
  if (hadSome) {
    const problem = `AWS credentials could not be renewed: ${reason}`;
    return new SourceError(problem, { retryable: true, advice: ADVICE }, { cause: error });
  }
  return new OperationError(
    { object: "AWS credentials", problem: `are unavailable: ${reason}`, advice: ADVICE },
    { cause: error },
  );
}
