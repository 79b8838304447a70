/** Notices to the operator during a run. */

/** Receives a sentence; with "warning" the operator may have to act on it. */
export type Notice = (sentence: string, level?: "info" | "warning") => void;
