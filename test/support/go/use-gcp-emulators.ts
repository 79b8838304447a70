import { afterAll, beforeAll, vi } from "vitest";
import { GcpEmulators } from "./gcp-emulators.ts";

/**
 * Emulators for all tests of a `describe` block, or of a file: they start before the first and end after the last.
 * Meanwhile this process takes them for Google's cloud.
 */
export function useGcpEmulators(): () => GcpEmulators {
  let emulators: GcpEmulators | undefined;
  beforeAll(async () => {
    emulators = await GcpEmulators.start();
    for (const [name, value] of Object.entries(emulators.env)) vi.stubEnv(name, value);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await emulators?.stop();
  });
  return () => {
    if (emulators === undefined) throw new Error("the emulators have not started");
    return emulators;
  };
}
