/** Time that passes only when a test says so. */

import { vi } from "vitest";

/** Time that stands still until it is told to go on, as far as `performance` tells it. */
export function stoppedClock(): { goOn(milliseconds: number): void } {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  return {
    goOn(milliseconds) {
      now += milliseconds;
    },
  };
}
