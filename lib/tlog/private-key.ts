/** Private keys in place of public ones: they are refused with a clear message, and never shown. */

import { createPrivateKey } from "node:crypto";
import { FormatError } from "./errors.ts";
import { withoutPrivateKeys } from "./shown-address.ts";

const DER_TYPES = ["pkcs8", "pkcs1", "sec1"] as const;

/**
 * Refuses a private key: a signer's, in PEM, or the base64 of its DER.
 * @throws FormatError that does not show it.
 */
export function requireNotPrivate(text: string): void {
  if (withoutPrivateKeys(text) === text && !isPrivateDer(Buffer.from(text, "base64"))) return;
  throw new FormatError("is a private key, which must stay with the log: pass the public key instead");
}

function isPrivateDer(key: Buffer): boolean {
  return DER_TYPES.some((type) => {
    try {
      return createPrivateKey({ key, format: "der", type }) !== undefined;
    } catch {
      return false;
    }
  });
}
