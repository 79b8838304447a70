/** Chains for Static CT logs, issued by authorities of the tests, and their submission. */

import type { CtLog } from "./ct-logs.ts";
import { type CallOptions, run } from "./run.ts";

/** The different certificates that the chains of one seed name as issuers. */
export const ISSUERS = 7;

export interface SubmissionOptions extends CallOptions {
  /**
   * Seed of the authorities: two roots, three intermediates and two precertificate signing certificates. Chain n of
   * a seed is always the same. Of each eight in turn, three are certificates and five are precertificates, of which
   * three were issued by a precertificate signing certificate.
   */
  readonly authorities: string;
  /** Number of the first chain, 0 unless told. */
  readonly from?: number;
  readonly count: number;
  /** Requests at once, 1,024 unless told: a log answers each once it is published. */
  readonly concurrency?: number;
}

export interface SubmissionReport {
  /** The index that each chain's SCT promises, in the order of the chains. */
  readonly indices: readonly number[];
  /** How often the log pushed back, by the status of its answer: 429 or 503. */
  readonly pushbacks: Readonly<Record<string, number>>;
  /** What the last of these answers had as Retry-After; empty without one. */
  readonly retryAfter: string;
  /** When the last of them came, in milliseconds from the start. */
  readonly lastPushbackMs: number;
  readonly elapsedMs: number;
}

/**
 * Submits chains, many at once, until the log has taken them all; rejects with the first other answer. Every SCT's
 * log, signature and index are checked, over the entry that certificate-transparency-go makes of the chain. Where it is pushed
 * back, the submitter tries again ten times a second, whatever Retry-After says.
 */
export async function submitChains(log: CtLog, options: SubmissionOptions): Promise<SubmissionReport> {
  const { authorities, from = 0, count, concurrency, timeoutMs } = options;
  const args = ["submit", "--url", log.url, "--origin", log.origin, "--public-key", log.publicKey];
  args.push("--seed", authorities, "--from", String(from), "--count", String(count));
  if (concurrency !== undefined) args.push("--concurrency", String(concurrency));
  return JSON.parse(await run("ctkit", args, { timeoutMs })) as SubmissionReport;
}

/** How many of the first chains of a seed are precertificates, and were issued by a signing certificate. */
export function precertificatesAmong(count: number): {
  readonly precertificates: number;
  readonly bySigningCertificate: number;
} {
  const places = Array.from({ length: count }, (_, n) => n % 8);
  const among = (...kinds: number[]) => places.filter((place) => kinds.includes(place)).length;
  return { precertificates: among(1, 3, 5, 6, 7), bySigningCertificate: among(5, 6, 7) };
}
