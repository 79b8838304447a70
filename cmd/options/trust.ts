/** The options that decide which checkpoint is trusted. */

import { existsSync } from "node:fs";
import {
  type CheckpointPolicy,
  excerpt,
  type LogFormat,
  parsePolicy,
  parseVkey,
  shownAddress,
  staticCtOrigin,
  staticCtVerifier,
  type TrustPolicy,
  UsageError,
  type Verifier,
} from "../../lib/index.ts";
import { listedLog, listName, readLogList } from "./log-list.ts";
import { readFile, readValue } from "./values.ts";

export interface TrustOptions {
  /** Undefined where it is found out. */
  readonly format?: LogFormat | undefined;
  readonly vkey?: readonly string[] | undefined;
  /** Base64 of the DER SubjectPublicKeyInfo of a Static CT log. */
  readonly publicKey?: string | undefined;
  /** Path of a CT log list or a `log.v3.json`. */
  readonly logList?: string | undefined;
  /** Path of a policy file. */
  readonly policy?: string | undefined;
  readonly origin?: string | undefined;
  readonly insecureNoSignature?: boolean | undefined;
}

/**
 * The policy of the options; undefined where they name no key, and do not say that none is needed.
 * @param source where the log is read, by which it is looked up in a log list.
 * @throws UsageError if a key is malformed, the options contradict each other, or a log list lacks the log.
 */
export function checkpointPolicy(options: TrustOptions, source: string): CheckpointPolicy | undefined {
  const { vkey = [], insecureNoSignature } = options;
  const key = staticCtKey(options, source);
  const verifiers = vkey.map(readVkey);
  const trustPolicy = options.policy === undefined ? undefined : readPolicy(options.policy);
  const logs = trustPolicy?.logs ?? [];
  const origin = key?.name ?? originOf(options, [...verifiers, ...logs]);
  if (key !== undefined) verifiers.push(key);
  if (insecureNoSignature === true) {
    if (verifiers.length === 0 && trustPolicy === undefined) return { insecureNoSignature, origin };
    const advice = "Pass the key alone, and the signature is checked";
    throw usage("--insecure-no-signature", "contradicts the key that is given", advice);
  }
  const names = new Set(logs.map(({ name }) => name));
  if (origin !== undefined && names.size > 1 && !names.has(origin)) {
    throw usage("--origin", "is not that of a log in the policy", "Pass a policy with that log alone");
  }
  if (verifiers.length + logs.length > 0) return { verifiers, origin, ...(trustPolicy && { trustPolicy }) };
  if (trustPolicy !== undefined) {
    throw usage(policyName(options.policy as string), "names no log", "Pass the log's --vkey too");
  }
  if (origin === undefined) return undefined;
  throw usage("--origin", "proves nothing without a key", "Pass the log's --vkey too");
}

/** @throws UsageError if it is not a vkey. */
function readVkey(text: string): Verifier {
  try {
    return readValue("--vkey", () => parseVkey(text));
  } catch (error) {
    if (!existsSync(text)) throw error;
    const advice = 'Pass what is in it: --vkey "$(cat FILE)"';
    throw usage("--vkey", `is the name of a file, ${excerpt(text)}, and not a vkey`, advice);
  }
}

function policyName(path: string): string {
  return `--policy ${shownAddress(path)}`;
}

function readPolicy(path: string): TrustPolicy {
  const name = policyName(path);
  return readValue(name, () => parsePolicy(readFile(path, name)));
}

/**
 * The origin as a checkpoint has it: of a Static CT log it may be given as the submission prefix. Of a log whose format is
 * not known yet, the prefix is meant where that gives a key's name, or where there is no key.
 */
function originOf({ format, origin }: TrustOptions, verifiers: readonly Verifier[]): string | undefined {
  if (origin === undefined || format === "tiles") return origin;
  const ofPrefix = staticCtOrigin(origin);
  const isNamed = (name: string): boolean => verifiers.some((verifier) => verifier.name === name);
  if (format === "static-ct" || verifiers.length === 0) return ofPrefix;
  return isNamed(ofPrefix) && !isNamed(origin) ? ofPrefix : origin;
}

/** The key of a Static CT log that is given, or that a log list has. */
function staticCtKey(options: TrustOptions, source: string): Verifier | undefined {
  const { format, logList, publicKey, origin } = options;
  const option = logList === undefined ? "--public-key" : "--log-list";
  const isGiven = (logList ?? publicKey) !== undefined;
  if (isGiven && format !== "static-ct") {
    throw usage(option, "is for Static CT logs", "Pass --format static-ct, or the log's --vkey");
  }
  if (logList !== undefined && publicKey !== undefined) {
    throw usage(option, "contradicts --public-key", "Pass the one whose key is to be trusted");
  }
  if (logList !== undefined) {
    const name = listName(logList);
    const log = listedLog(readLogList(logList), { source, origin }, name);
    return readValue(name, () => staticCtVerifier(log.publicKey, log.origin));
  }
  if (publicKey === undefined) return undefined;
  if (origin !== undefined) return readValue(option, () => staticCtVerifier(publicKey, origin));
  throw usage(option, "does not say which log it belongs to", "Pass the log's --origin too");
}

function usage(object: string, problem: string, advice: string): UsageError {
  return new UsageError({ object, problem, advice });
}
