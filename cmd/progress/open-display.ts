/** Which display suits the place that standard error leads to. */

import type { Progress } from "../../lib/index.ts";
import { writeLine } from "../output.ts";
import { BarDisplay } from "./bar.ts";
import type { Display } from "./display.ts";
import { LinesDisplay } from "./lines.ts";

/** A bar on a terminal, lines elsewhere, no progress if quiet. */
export function openDisplay(progress: Progress, quiet: boolean): Display {
  if (quiet) return { say: writeLine, close: () => {} };
  const canRedraw = process.stderr.isTTY && process.env.TERM !== "dumb";
  return canRedraw ? new BarDisplay(progress) : new LinesDisplay(progress);
}
