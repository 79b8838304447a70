/** A Cloud Storage that answers as a test says, and Google's libraries on a machine that has no credentials. */

import { vi } from "vitest";
import { GcsAccess } from "../../storage/gcs/credentials.ts";
import { stubEnvironment } from "./environment.ts";
import { startAnswering } from "./http/answering-server.ts";
import { memoryDirectory } from "./places/directory.ts";

/** Starts a Cloud Storage that answers one step after the other, or always the same, and says what it was asked. */
export async function startStorage(steps: Parameters<typeof startAnswering>[0]) {
  const server = await startAnswering(steps);
  stubEnvironment({ STORAGE_EMULATOR_HOST: server.origin });
  return server;
}

/** Google's libraries find no credentials, and no emulator, until the test ends. */
export function withoutCredentials(): void {
  const home = memoryDirectory();
  const none = ["STORAGE_EMULATOR_HOST", "SPANNER_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"];
  stubEnvironment(Object.fromEntries([...none, "GOOGLE_CLOUD_PROJECT"].map((name) => [name, undefined])));
  stubEnvironment({ HOME: home, CLOUDSDK_CONFIG: home, METADATA_SERVER_DETECTION: "none" });
}

export function spyOnAccess<Name extends "authorization" | "discard">(name: Name) {
  return vi.spyOn(GcsAccess.prototype, name);
}
