/** Time that passes only when a test says so. */

import { onTestFinished, vi } from "vitest";

/** Time that stands still until it is told to go on, as far as `performance` tells it. */
export function stoppedClock(): { goOn(milliseconds: number): void } {
  let now = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  onTestFinished(() => clock.mockRestore());
  return {
    goOn(milliseconds) {
      now += milliseconds;
    },
  };
}
