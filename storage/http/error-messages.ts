/** Messages for failed HTTP requests, in place of the texts and codes of Node, OpenSSL and undici. */

import { openFilesAdvice } from "../../lib/migrate/open-files.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { excerpt } from "../../lib/tlog/note.ts";

/** Limits of time on one request, in milliseconds. */
export interface HttpTimeouts {
  /** To open a connection, TLS handshake included. */
  readonly connectMs: number;
  /** From the request to the end of the response's headers. */
  readonly headersMs: number;
  /** Between two arrivals of bytes of a body. */
  readonly bodyMs: number;
  /** From the request to the end of an object, less the time in which we hold the server up: it may trickle. */
  readonly objectMs: number;
}

/** How long one address of a host is tried before the next: distant hosts need more than Node's 250 ms. */
export const ADDRESS_ATTEMPT_MS = 1_500;

/** The other end of a failed request. */
export interface Peer {
  /** Host and port as URLs write them. */
  readonly host: string;
  readonly timeouts: HttpTimeouts;
}

type FaultKind = Pick<SourceError, "retryable"> & Partial<Pick<SourceError, "unreachable" | "brokenOff">>;
type Fault = readonly [problem: string, kind: FaultKind, advice?: string];

const PASSING = { retryable: true };
const BROKEN_OFF = { retryable: true, brokenOff: true };
const LASTING = { retryable: false };
/** No contact was made at all. */
const REFUSED = { retryable: true, unreachable: true };
const WRONG_ADDRESS = { retryable: false, unreachable: true };

/**
 * Why a request got no whole response.
 * @param isSent whether it was sent on a connection: a later TLS error is a broken connection, not wrong configuration.
 * @param turnedAway whether its connection was a new one that the server did not accept.
 */
export function networkError(error: Error, peer: Peer, isSent: boolean, turnedAway = false): SourceError {
  if (error instanceof SourceError) return error;
  const code = codeOf(error);
  const fault = (isSent ? undefined : contactFault(code, error, peer)) ?? transferFault(code, error, peer);
  const [problem, kind, advice] = fault;
  // What is neither of these is not about a connection, such as a source that was closed.
  const isOfConnection = !isSent && (kind.retryable || kind.unreachable);
  const ofProxy =
    isOfConnection && hasProxy() ? "HTTPS_PROXY or HTTP_PROXY is set: check that proxy too" : undefined;
  const whole = [advice, ofProxy].filter((part) => part !== undefined).join(". ");
  const details = { ...kind, turnedAway, advice: whole || undefined };
  return new SourceError(problem, details, { cause: error });
}

/** Whether the environment names a proxy, which HTTP requests then go through unless NO_PROXY has their host. */
export function hasProxy(): boolean {
  return ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"].some((name) => process.env[name]);
}

/** A server that took longer than it may. */
export function timeoutError(
  { host, timeouts }: Peer,
  limit: Exclude<keyof HttpTimeouts, "connectMs">,
): SourceError {
  const time = seconds(timeouts[limit]);
  const problems = {
    headersMs: `did not answer within ${time}`,
    bodyMs: `sent nothing for ${time}`,
    objectMs: `took longer than ${time} for one object`,
  };
  return new SourceError(`${host} ${problems[limit]}`, PASSING);
}

/** A server that left a new connection without an answer, as servers do that have too many. */
export function unansweredError({ host }: Pick<Peer, "host">, milliseconds: number): SourceError {
  const problem = `${host} did not answer on a new connection for ${seconds(Math.round(milliseconds))}`;
  return new SourceError(problem, { ...PASSING, turnedAway: true });
}

/** A body that is not as long as its headers announced. */
export function lengthError({ host }: Pick<Peer, "host">): SourceError {
  return new SourceError(`${host} sent less or more than it announced`, PASSING);
}

/** Failures to get a connection. */
function contactFault(code: string, error: Error, { host, timeouts }: Peer): Fault | undefined {
  const ofAddresses = addressesFault(error, host);
  if (ofAddresses !== undefined) return ofAddresses;
  switch (code) {
    case "ENOTFOUND":
    case "EAI_NONAME":
    case "EAI_NODATA":
      return [`no such host: ${host}`, WRONG_ADDRESS, "Check the address"];
    case "EAI_AGAIN":
      return [`the name ${host} could not be looked up`, PASSING, "Check this machine's name servers"];
    case "ECONNREFUSED":
      return [`${host} refused the connection`, REFUSED, `${CHECK_PORT} the server is up`];
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return [`there is no route to ${host}`, REFUSED, "Check the address and this machine's network"];
    case "EMFILE":
      return [`no connection to ${host}: too many open files`, LASTING, openFilesAdvice()];
    case "UND_ERR_CONNECT_TIMEOUT": {
      const problem = `${host} did not accept a connection within ${seconds(timeouts.connectMs)}`;
      return [problem, PASSING, CHECK_FIREWALL];
    }
    case "ETIMEDOUT":
      return [`${host} did not accept a connection before this system gave up`, PASSING, CHECK_FIREWALL];
    default:
      return tlsFault(code, error, host);
  }
}

const CHECK_PORT = "Check the address and port, and that";
const CHECK_FIREWALL = `${CHECK_PORT} no firewall is in the way`;

/** What may be wrong with one address of several. */
const ADDRESS_FAULTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refused it",
  EHOSTUNREACH: "cannot be reached from here",
  ENETUNREACH: "cannot be reached from here",
  ETIMEDOUT: `did not accept one within ${seconds(ADDRESS_ATTEMPT_MS)}`,
};

/** As many addresses are named. */
const MAX_NAMED_ADDRESSES = 4;

/** The failures of a host's addresses, one after the other: each may have another. */
function addressesFault(error: Error, host: string): Fault | undefined {
  const failures: unknown[] = error instanceof AggregateError ? error.errors : [];
  const named = failures.map((failure) => {
    const { address, code = "" } = failure as NodeJS.ErrnoException & { readonly address?: unknown };
    const fault = ADDRESS_FAULTS[code];
    return typeof address === "string" && fault !== undefined
      ? { code, words: `${address} ${fault}` }
      : undefined;
  });
  if (named.length === 0 || named.includes(undefined)) return undefined;
  const each = named.slice(0, MAX_NAMED_ADDRESSES).map((one) => one?.words);
  const more = named.length > each.length ? `; ${named.length - each.length} more failed` : "";
  const isSlow = named.some((one) => one?.code === "ETIMEDOUT");
  const problem = `no connection to ${host}: ${each.join("; ")}${more}`;
  return [
    problem,
    isSlow ? PASSING : REFUSED,
    `${CHECK_PORT} the server is up, and no firewall is in the way`,
  ];
}

/** Words for the commonest of OpenSSL's verdicts, in place of its own. */
const TLS_REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate chain ends in a root that is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's issuer is not trusted here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate's issuer is not trusted here, or its chain was not sent",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another host name",
  ERR_SSL_WRONG_VERSION_NUMBER: "the server does not speak TLS on this port",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "the server does not speak TLS on this port",
};

/** An authority's certificate helps against nothing but that it is not known. */
function tlsAdvice(code: string): string {
  if (!/SELF_SIGNED|UNABLE_TO_|CERT_UNTRUSTED/.test(code))
    return "Check the address, and this machine's clock";
  return (
    "Check the address; where the certificate is of a private authority, name that authority's: --ca <file> for a log over https, " +
    "the environment variable NODE_EXTRA_CA_CERTS for any other place"
  );
}

function tlsFault(code: string, error: Error, host: string): Fault | undefined {
  const isOfTls = /^(EPROTO$|ERR_SSL_|ERR_TLS_|CERT_|UNABLE_TO_|HOSTNAME_)/.test(code);
  const reason = TLS_REASONS[code] ?? (isOfTls ? firstLine(error.message) : undefined);
  if (reason === undefined) return undefined;
  return [`no TLS connection to ${host}: ${reason}`, WRONG_ADDRESS, tlsAdvice(code)];
}

/** Failures of a request under way, and whatever has no better name: nearly all worth another try. */
function transferFault(code: string, error: Error, { host }: Peer): Fault {
  if (isEndOfConnection(code)) return [`${host} broke the connection off`, BROKEN_OFF];
  switch (code) {
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      return [lengthError({ host }).message, PASSING];
    case "UND_ERR_DESTROYED":
    case "UND_ERR_CLOSED":
      return ["the source was closed", LASTING];
    case "UND_ERR_INVALID_ARG":
      return [`no request can be made of it: ${firstLine(error.message)}`, LASTING];
    case "UND_ERR_HEADERS_OVERFLOW":
      return [`${host} sent headers that are too large`, PASSING];
    case "HTTPParserError":
      return [`${host} sent something that is not HTTP: ${firstLine(error.message)}`, BROKEN_OFF];
    default:
      return [`the connection to ${host} failed: ${firstLine(error.message)}`, BROKEN_OFF];
  }
}

/** Whether a connection ended that had been made. */
export function isEndOfConnection(code: string): boolean {
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE";
}

/** Node joins the failures of several addresses of one host in an AggregateError, in some versions without a code. */
export function codeOf(error: Error): string {
  if ("code" in error && typeof error.code === "string") return error.code;
  if (!(error instanceof AggregateError)) return error.name;
  const first: unknown = error.errors[0];
  return first instanceof Error ? codeOf(first) : "";
}

function firstLine(text: string): string {
  return excerpt(text.split(/[\r\n]/, 1)[0] ?? "");
}

function seconds(milliseconds: number): string {
  return `${milliseconds / 1000} s`;
}
