/** Failures of S3 in our words, with what to do about them. */

import { SourceError } from "../../lib/migrate/ports/source.ts";
import { oneLine } from "../../lib/tlog/errors.ts";
import type { BucketPlace } from "../bucket/place.ts";
import type { ApiAnswer } from "../http/client.ts";
import type { ResponseHeaders } from "../http/headers.ts";
import { statusError } from "../http/status-errors.ts";
import { errorIn, type S3Error } from "./answers.ts";

/** Credentials that were good, and are not any more. */
export class ExpiredTokenError extends SourceError {}

type Words = Partial<Pick<SourceError, "retryable" | "unreachable" | "advice">> & {
  readonly problem?: string;
};

/** A part of the request did not arrive as it was sent, or met another: it is sent again. */
const PASSING: Words = { retryable: true };

const CREDENTIALS: Words = {
  problem: ": it does not accept the credentials",
  advice:
    "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile, and that they are for this store",
};

const EXPIRED: Words = {
  problem: ": the credentials have expired",
  advice: "Renew them, for instance by `aws sso login`, then run the same command again",
};

const EXPIRED_CODES = ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"];

/** By code, where a status says too little. */
const WORDS: ReadonlyMap<string, Words> = new Map(
  Object.entries<Words>({
    RequestTimeout: PASSING,
    SlowDown: PASSING,
    InternalError: PASSING,
    ConditionalRequestConflict: PASSING,
    OperationAborted: PASSING,
    BadDigest: PASSING,
    IncompleteBody: PASSING,
    XAmzContentChecksumMismatch: PASSING,
    XAmzContentSHA256Mismatch: PASSING,
    NotImplemented: {
      retryable: false,
      advice: "This store lacks what a copy needs: see `docs/aws.md` for what that is",
    },
    InvalidAccessKeyId: CREDENTIALS,
    SignatureDoesNotMatch: CREDENTIALS,
    InvalidToken: CREDENTIALS,
    // As versitygw says it, with status 404.
    XAdminUserNotFound: CREDENTIALS,
    RequestTimeTooSkewed: {
      problem: ": this machine's clock is more than 15 minutes off",
      advice: "Set it by NTP, then run the same command again",
    },
  }),
);

/** An answer that is a failure. It shows the operator what S3 says besides the status. */
export function s3Failure(answer: ApiAnswer, host: string, place: BucketPlace): SourceError {
  const { status, headers, body } = answer;
  const said = errorIn(body);
  const error = statusError({ status, headers }, host);
  const isExpired = said !== undefined && EXPIRED_CODES.includes(said.code);
  const words = isExpired ? EXPIRED : wordsFor(status, headers, said, place);
  const details = said === undefined ? "" : ` (${oneLine(`${said.code}: ${said.message}`).slice(0, 300)})`;
  const Kind = isExpired ? ExpiredTokenError : SourceError;
  return new Kind(`${error.message}${details}${words?.problem ?? ""}`, {
    ...error,
    retryable: words?.retryable ?? error.retryable,
    unreachable: words?.unreachable ?? false,
    advice: words?.advice ?? error.advice,
  });
}

function wordsFor(
  status: number,
  headers: ResponseHeaders,
  said: S3Error | undefined,
  { bucket, prefix }: BucketPlace,
): Words | undefined {
  const region = said?.region ?? headers["x-amz-bucket-region"];
  const isElsewhere = [301, 307].includes(status) || said?.code === "AuthorizationHeaderMalformed";
  if (isElsewhere) return elsewhere(typeof region === "string" ? region : "", bucket);
  if (said?.code === "NoSuchBucket") {
    return {
      problem: `: there is no bucket ${bucket}`,
      unreachable: true,
      advice: "Check its name, and that AWS_ENDPOINT_URL_S3 is as it should be, or create it first",
    };
  }
  const known = said && WORDS.get(said.code);
  if (known !== undefined || status !== 403) return known;
  return {
    advice:
      `Allow s3:ListBucket on ${bucket}, without which an object that is missing is forbidden too, and s3:GetObject ` +
      `(to copy there, s3:PutObject and s3:DeleteObject as well) on ${bucket}/${prefix}*`,
  };
}

/** @param region as an answer names it, or something else. */
function elsewhere(region: string, bucket: string): Words {
  const isKnown = /^[a-z0-9-]{1,60}$/.test(region);
  return {
    problem: `: the bucket ${bucket} is in ${isKnown ? `the region ${region}` : "another region"}`,
    retryable: false,
    unreachable: true,
    advice: `Set AWS_REGION to ${isKnown ? region : "it"}`,
  };
}
