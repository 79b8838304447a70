/** Failures of Cloud Storage in plain words, with advice. */

import { SourceError } from "../../lib/migrate/ports/source.ts";
import { oneLine } from "../../lib/tlog/errors.ts";
import type { BucketPlace } from "../bucket/place.ts";
import type { ApiAnswer } from "../http/client.ts";
import { statusError } from "../http/status-errors.ts";

/** The error for a failed request, with the explanation of the API besides the status. */
export function answerError(answer: ApiAnswer, host: string, place: BucketPlace): SourceError {
  const error = statusError(answer, host);
  return gcsError(error, place, apiMessage(answer.body));
}

/** A failure with what to do about it in a bucket. @param said what the API says of it. */
export function gcsError(error: SourceError, { bucket }: BucketPlace, said = ""): SourceError {
  const advice = statusAdvice(error.status, bucket) ?? error.advice;
  const details = said === "" ? "" : ` (${oneLine(said).slice(0, 300)})`;
  return new SourceError(`${error.message}${details}`, { ...error, advice }, { cause: error });
}

function statusAdvice(status: number | undefined, bucket: string): string | undefined {
  switch (status) {
    case 401:
      return "Renew the credentials: `gcloud auth application-default login`, or GOOGLE_APPLICATION_CREDENTIALS";
    case 403:
      return (
        `Grant the account of these credentials the role roles/storage.objectUser on gs://${bucket} ` +
        "(roles/storage.objectViewer to read only)"
      );
    case 404:
      return `Check that there is a bucket ${bucket}, or create it first`;
    default:
      return undefined;
  }
}

/** The message in an error of the JSON API. */
function apiMessage(body: Buffer): string | undefined {
  try {
    const { error } = JSON.parse(body.toString("utf8")) as { error?: { message?: unknown } };
    return typeof error?.message === "string" ? error.message : undefined;
  } catch {
    return undefined;
  }
}
