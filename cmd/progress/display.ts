/** What is shown on standard error while a run is under way. */

import type { Progress } from "../../lib/index.ts";
import { writeLine } from "../output.ts";
import { BarDisplay } from "./bar.ts";
import { LinesDisplay } from "./lines.ts";

export interface Display {
  /** Shows a line, without disturbing the progress. */
  say(line: string): void;
  /** Stops showing progress, and leaves the terminal as it was. */
  close(): void;
}

/** A bar on a terminal, lines elsewhere, no progress if quiet. */
export function openDisplay(progress: Progress, quiet: boolean): Display {
  if (quiet) return { say: writeLine, close: () => {} };
  const canRedraw = process.stderr.isTTY && process.env.TERM !== "dumb";
  return canRedraw ? new BarDisplay(progress) : new LinesDisplay(progress);
}
