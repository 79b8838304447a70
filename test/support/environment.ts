/** Environment variables of this process, for the time of a test. */

import { onTestFinished, vi } from "vitest";

export function stubEnvironment(values: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
}
