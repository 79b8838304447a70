/** Where Cloud Storage is reached, and with which credentials; nothing here asks the network. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { OperationFailure } from "../../../lib/tlog/errors.ts";
import { GcsAccess } from "../../../storage/gcs-access.ts";
import { memoryDirectory } from "../../support/directory.ts";

beforeEach((context) => {
  const home = memoryDirectory();
  for (const name of ["STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"]) {
    vi.stubEnv(name, undefined);
  }
  vi.stubEnv("HOME", home);
  vi.stubEnv("CLOUDSDK_CONFIG", home);
  vi.stubEnv("METADATA_SERVER_DETECTION", "none");
  context.onTestFinished(() => void vi.unstubAllEnvs());
});

describe("Cloud Storage", () => {
  it.each([
    [undefined, "https://storage.googleapis.com"],
    ["http://127.0.0.1:4443", "http://127.0.0.1:4443"],
    ["http://127.0.0.1:4443/", "http://127.0.0.1:4443"],
    ["emulator:4443", "https://emulator:4443"],
  ])("with STORAGE_EMULATOR_HOST %s is at %s", (host, endpoint) => {
    vi.stubEnv("STORAGE_EMULATOR_HOST", host);
    expect(new GcsAccess().endpoint).toBe(endpoint);
  });

  it("is asked without credentials where it is an emulator", () => {
    vi.stubEnv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443");
    expect(new GcsAccess().authorization()).toBe("");
  });

  it("cannot be asked where there are none, in one line that says what to do", async () => {
    const refusal = await Promise.resolve(new GcsAccess().authorization()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(OperationFailure);
    expect((refusal as Error).message).toMatch(
      /^Google Cloud credentials: cannot be had: .*gcloud auth application-default login/,
    );
    expect((refusal as Error).message).not.toContain("\n");
  });

  it("cannot be asked with a key file that is none", async () => {
    const file = join(memoryDirectory(), "key.json");
    writeFileSync(file, "{");
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", file);
    await expect(new GcsAccess().authorization()).rejects.toBeInstanceOf(OperationFailure);
  });
});
