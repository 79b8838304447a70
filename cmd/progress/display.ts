/** What is shown on standard error while a run is under way. */

export interface Display {
  /** Shows a line, without disturbing the progress. */
  say(line: string): void;
  /** Stops showing progress, and leaves the terminal as it was. */
  close(): void;
}
