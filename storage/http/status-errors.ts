/** Messages for answers that are neither an object, nor "not found", nor a redirect. */

import { SourceError } from "../../lib/migrate/ports/source.ts";
import { excerpt } from "../../lib/tlog/note.ts";
import { type ResponseHeaders, retryAfterMs } from "./headers.ts";

/** What a server answered. */
export interface Answer {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Where it explains a failure. */
  readonly body?: Buffer | undefined;
}

/** Whether the server was sent the credentials that were passed, was not because of a redirect, or none were passed. */
export type CredentialsShown = "refused" | "withheld" | "none";

/** Most bytes of an explanation: S3's have a few hundred bytes. */
export const MAX_EXPLANATION_BYTES = 1 << 14;

/** Whether the body of an answer says more than its status: as S3's does, and that of software like it. */
export function explains({ status, headers }: Answer): boolean {
  return (status === 400 || status === 403) && /xml/i.test(String(headers["content-type"] ?? ""));
}

/** The error for an answer. */
export function statusError(
  answer: Answer,
  host: string,
  credentials: CredentialsShown = "none",
): SourceError {
  const { status, headers } = answer;
  // Not imported: node:http takes 20 ms to load, in every thread, and this is its only use.
  const reason = process.getBuiltinModule("node:http").STATUS_CODES[status];
  const said = `${excerpt(host)} answered ${status}${reason === undefined ? "" : ` ${reason}`}`;
  const code = codeIn(answer);
  const isRetryable = status === 408 || status === 429 || status >= 500 || code === "RequestTimeout";
  const { problem = "", advice } = meaningOf(answer, credentials);
  const details = code === undefined ? "" : ` (${code})`;
  return new SourceError(`${said}${details}${problem}`, {
    retryable: isRetryable,
    status,
    retryAfterMs: retryAfterMs(headers),
    advice: advice ?? (isRetryable ? undefined : CHECK_ADDRESS),
  });
}

/** The code in an error of S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
function codeIn(answer: Answer): string | undefined {
  if (answer.body === undefined || !explains(answer)) return undefined;
  return /<Code>([A-Za-z]{1,64})<\/Code>/.exec(answer.body.toString("latin1"))?.[1];
}

interface Meaning {
  /** Behind what was answered. */
  readonly problem?: string;
  readonly advice?: string;
}

function meaningOf({ status, headers }: Answer, credentials: CredentialsShown): Meaning {
  if (isChallenge(headers)) return CHALLENGE;
  if (status === 401) return REFUSALS[credentials] ?? { advice: GIVE_CREDENTIALS };
  if (status === 403) return { ...REFUSALS[credentials], advice: DENIED_OR_MISSING };
  return MEANINGS[status] ?? (status < 400 ? { advice: CHECK_WAY } : {});
}

/**
 * A firewall that wants to see a browser
 * (https://docs.aws.amazon.com/waf/latest/developerguide/waf-captcha-and-challenge-how-it-works.html,
 * https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/).
 */
function isChallenge(headers: ResponseHeaders): boolean {
  const actions = [headers["x-amzn-waf-action"], headers["cf-mitigated"]];
  return actions.some((action) => /^(challenge|captcha)$/i.test(String(action)));
}

const CHALLENGE: Meaning = {
  problem: ": a challenge of a firewall, which only a browser can pass",
  advice: "Ask the log's operator to allow this machine; --contact or a lower --rate may be enough",
};

const CHECK_ADDRESS = "Check the address";
const CHECK_WAY =
  "Check the address, and what else may answer in the source's place: a proxy, a cache, a firewall";
const GIVE_CREDENTIALS =
  "Give credentials: --netrc, --header @file, or user:password and an @ before the host of the address";
const DENIED_OR_MISSING =
  "Access is denied, or the object is missing, which looks the same to readers without the right to list: check that this machine may read the log, or let it list the bucket";

const REFUSALS: Readonly<Record<CredentialsShown, Meaning | undefined>> = {
  refused: {
    problem: ": it does not accept the credentials that were given",
    advice: "Check them, and that they have not expired",
  },
  withheld: {
    problem: ": no credentials were sent, since a redirect led there",
    advice: "Give the address to which the source redirects, with the credentials",
  },
  none: undefined,
};

const MEANINGS: Readonly<Record<number, Meaning>> = {
  206: { problem: ", a part, although the whole object was requested", advice: CHECK_WAY },
  304: { problem: ", although the request did not mention an earlier answer", advice: CHECK_WAY },
  429: {
    advice:
      "Lower the rate or the number of connections; public logs also slow down clients that name no contact",
  },
};
