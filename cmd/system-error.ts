/** What an operating system says of a failed call, without the code and the call. */

import { getSystemErrorMessage } from "node:util";

/** `permission denied`, `address already in use`, … */
export function systemErrorWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errno } = error as NodeJS.ErrnoException;
  return (errno === undefined ? undefined : getSystemErrorMessage(errno)) ?? error.message;
}
