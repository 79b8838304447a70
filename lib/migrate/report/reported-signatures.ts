/** The signatures of a checkpoint in reports. */

import type { OpenedCheckpoint } from "../../tlog/checkpoint.ts";
import type { SignatureType } from "../../tlog/note.ts";

/** A signature that was verified. */
export interface ReportedSignature {
  readonly name: string;
  /** Eight hexadecimal digits. */
  readonly keyId: string;
  readonly type: SignatureType;
  /** Whether it is the log's own, and not a witness's. */
  readonly own: boolean;
  /** ISO 8601, if the signature has a time. */
  readonly signedAt?: string;
}

/** The signatures of a checkpoint, as reports show them. */
export function reportedSignatures({ signatures, own }: OpenedCheckpoint): ReportedSignature[] {
  return signatures.map((signature) => {
    const { verifier, timestampMs } = signature;
    const { name, keyId, type } = verifier;
    return {
      name,
      keyId: keyId.toString(16).padStart(8, "0"),
      type,
      own: own.includes(signature),
      ...(timestampMs !== undefined && { signedAt: isoTime(timestampMs) }),
    };
  });
}

/** JavaScript's dates end in the year 275760; a signature may have a later time. */
function isoTime(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? `${ms} ms after 1970` : time.toISOString();
}
