/** What is reported to an operator while a run is under way. */

/** Is given a sentence; a warning is of what the operator may have to act on. */
export type Notice = (sentence: string, level?: "info" | "warning") => void;
