/** What an operator is told of a database that cannot be asked; nothing here asks the network. */

import { GoogleAuth } from "google-auth-library";
import { beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { SpannerDatabase } from "../../../../storage/spanner/database.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";

const NAME = "projects/p/instances/i/databases/d";

beforeEach((context) => {
  const home = memoryDirectory();
  for (const name of ["SPANNER_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"]) {
    vi.stubEnv(name, undefined);
  }
  vi.stubEnv("HOME", home);
  vi.stubEnv("CLOUDSDK_CONFIG", home);
  vi.stubEnv("METADATA_SERVER_DETECTION", "none");
  context.onTestFinished(() => void vi.unstubAllEnvs());
});

async function failureOf(database: SpannerDatabase): Promise<unknown> {
  return await database.schema().catch((error: unknown) => error);
}

it("without credentials there is one line that says what to do, and nothing beside it", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => {});
  onTestFinished(() => said.mockRestore());
  const failure = await failureOf(new SpannerDatabase(NAME));
  expect(failure).toBeInstanceOf(OperationError);
  expect(String(failure)).toMatch(
    /Google Cloud credentials: are unavailable: .*gcloud auth application-default login/,
  );
  expect(said).not.toHaveBeenCalled();
});

it("credentials that cannot be renewed just now are a failure like any other", async () => {
  const broken = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  const spy = vi.spyOn(GoogleAuth.prototype, "getRequestHeaders").mockRejectedValue(broken);
  onTestFinished(() => spy.mockRestore());
  const failure = await failureOf(new SpannerDatabase(NAME));
  expect(failure).toBeInstanceOf(OperationError);
  expect(String(failure)).toContain(`${NAME}: Google Cloud credentials could not be renewed`);
});
