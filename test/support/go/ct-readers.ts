/** Readers of Static CT logs that others wrote: Sunlight's client, and certificate-transparency-go. */

import type { CtReport } from "./ct-logs.ts";
import { type CallOptions, run } from "./run.ts";

export interface ReadOptions extends CallOptions {
  /**
   * The log's monitoring prefix: `http://…`, `file://` and a path, `gzip+file://` where the data tiles are stored
   * compressed, `archive+file://` for a directory of zips.
   */
  readonly url: string;
  /** Base64 DER SPKI. */
  readonly publicKey: string;
}

export interface ReadReport extends Pick<CtReport, "size" | "rootHash"> {
  readonly origin: string;
  /** Entries that were read and authenticated: all of them. */
  readonly entries: number;
  readonly precertificates: number;
  /** The different certificates that the chains name; each was read, and hashes to its fingerprint. */
  readonly issuers: number;
}

/** Reads every entry, and every issuer, with Sunlight's client; rejects with what it found. */
export async function readWithSunlight(options: ReadOptions): Promise<ReadReport> {
  return read<ReadReport>("read", options);
}

export interface PrecertificateReport {
  readonly precertificates: number;
  /** How many of them a precertificate signing certificate issued. */
  readonly bySigningCertificate: number;
}

/**
 * Holds every logged TBSCertificate and issuer key hash against what certificate-transparency-go makes of the
 * submitted precertificate and the chain, which no leaf hash covers; rejects with the first entry that differs.
 */
export async function checkPrecertificates(options: ReadOptions): Promise<PrecertificateReport> {
  return read<PrecertificateReport>("precerts", options);
}

async function read<T>(command: string, { url, publicKey, timeoutMs }: ReadOptions): Promise<T> {
  return JSON.parse(
    await run("ctkit", [command, "--url", url, "--public-key", publicKey], { timeoutMs }),
  ) as T;
}
