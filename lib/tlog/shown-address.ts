/** Removes secrets from addresses, and from texts in their place, before a message, report or document shows them. */

/**
 * An address as it is shown, also one that is not a URL: without credentials, query and fragment. Where it is not
 * certain which part is which, as with an @ behind a question mark, neither part is shown. A path is shown as it is.
 */
export function shownAddress(address: string): string {
  const [, scheme = "", rest = ""] = /^([\0-\x20]*[a-z][a-z0-9+.-]+:[/\\]*)(.*)$/is.exec(address) ?? [];
  if (scheme === "")
    return isLikeCredentials(address) ? `…${address.slice(address.lastIndexOf("@"))}` : address;
  const end = rest.search(/[?#]/);
  const at = rest.lastIndexOf("@");
  // A directory's URL has no credentials, and may have an @ in its path.
  if (/^\s*([a-z]+\+)?file:\/\/\/$/i.test(scheme)) return scheme + (end === -1 ? rest : rest.slice(0, end));
  if (end !== -1 && end < at) return `${scheme}…`;
  return scheme + rest.slice(at + 1, end === -1 ? undefined : end);
}

/** Whether a text without a scheme begins as `user:password@host` does, which no path is meant to. */
export function isLikeCredentials(text: string): boolean {
  return /^[^/\\]*:[^/\\]*@/.test(text);
}

/** Of Go's notes (golang.org/x/mod/sumdb/note), and of any kind in PEM, if need be without its end. */
const PRIVATE_KEY =
  /PRIVATE\+KEY\+\S*|-----BEGIN [A-Z0-9 ]*PRIVATE KEY[\s\S]*?(-----END [A-Z0-9 ]*-----|$)/gi;

/** A text without the private keys that it may have, by mistake, where public ones belong. */
export function withoutPrivateKeys(text: string): string {
  return text.replace(PRIVATE_KEY, "(a private key)");
}

/**
 * A text that may have addresses in it, each as it is shown, and private keys, none of which is. Names of objects in
 * buckets stay: they may have an @.
 */
export function withShownAddresses(text: string): string {
  return withoutPrivateKeys(text).replace(/(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,30}:[/\\]+\S*/gi, (address) =>
    /^(gs|s3):\/\/[^/@?#]*(\/[^?#]*)?$/i.test(address) ? address : shownAddress(address),
  );
}
