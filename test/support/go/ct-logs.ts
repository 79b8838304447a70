/** Real Static CT logs, whatever software runs them: whose they are, and how they are described. */

import { createHash } from "node:crypto";
import { run } from "./run.ts";

export interface CtIdentity {
  /** The submission prefix without its scheme, such as `ct.log.example/2026h1`. */
  readonly origin: string;
  /** Seed of the signing key. The same seed gives TesseraCT and Sunlight the same key. */
  readonly key: string;
}

export interface CtKey {
  /** Base64 DER SPKI, ECDSA P-256. */
  readonly publicKey: string;
  readonly vkey: string;
}

/** A log that takes submissions. */
export interface CtLog extends CtKey {
  readonly origin: string;
  /** Where the origin's host is: a URL without a path. */
  readonly url: string;
  readonly monitoringUrl: string;
}

/** A log as its published checkpoint describes it. */
export interface CtReport {
  readonly size: number;
  readonly rootHash: string;
  readonly checkpoint: string;
}

/** A log as this checkpoint describes it. */
export function reportOf(checkpoint: string): CtReport {
  const [, size, rootHash = ""] = checkpoint.split("\n");
  return { size: Number(size), rootHash, checkpoint };
}

/** The secret of a log from which Sunlight derives its keys: 32 bytes in hex. */
export function secretOf({ key }: Pick<CtIdentity, "key">): string {
  return createHash("sha256").update(`ctkit secret\n${key}`).digest("hex");
}

export function identityFlags(identity: CtIdentity): string[] {
  return ["--origin", identity.origin, "--secret", secretOf(identity)];
}

export interface CtKeyFiles extends CtKey {
  /** As TesseraCT's programs read it from files. */
  readonly privatePem: string;
  readonly publicPem: string;
}

/** The key of a log, of which nothing need run. */
export async function keyOf(identity: CtIdentity): Promise<CtKeyFiles> {
  return JSON.parse(await run("ctkit", ["key", ...identityFlags(identity)], {})) as CtKeyFiles;
}

/** The roots of the authorities that these seeds stand for, in PEM. */
export async function rootsOf(authorities: readonly string[]): Promise<string> {
  const roots = authorities.map(async (seed) => {
    const { pem } = JSON.parse(await run("ctkit", ["roots", "--seed", seed], {})) as { pem: string };
    return pem;
  });
  return (await Promise.all(roots)).join("");
}
