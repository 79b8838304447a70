/** What an operator is told of a database that cannot be asked; nothing here asks the network. */

import { GoogleAuth } from "google-auth-library";
import { beforeEach, expect, it, vi } from "vitest";
import { OperationError, UsageError } from "../../../../lib/errors.ts";
import { SpannerDatabase } from "../../../../storage/spanner/database.ts";
import { stubEnvironment } from "../../../support/environment.ts";
import { withoutCredentials } from "../../../support/google.ts";

const NAME = "projects/p/instances/i/databases/d";

beforeEach(withoutCredentials);

async function expectFailure(words: RegExp | string): Promise<void> {
  const schema = new SpannerDatabase(NAME).schema();
  await expect(schema).rejects.toBeInstanceOf(OperationError);
  await expect(schema).rejects.toThrow(words);
}

it("without credentials there is one line that says what to do, and nothing beside it", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => {});
  await expectFailure(/^Google Cloud credentials: are unavailable: .*gcloud auth application-default login/);
  expect(said).not.toHaveBeenCalled();
});

it.each(["http://127.0.0.1:9010", "user:secret@127.0.0.1:9010", "127.0.0.1:port"])(
  "an emulator that cannot be at %s is a usage error that does not show it",
  async (emulator) => {
    stubEnvironment({ SPANNER_EMULATOR_HOST: emulator });
    const schema = new SpannerDatabase(NAME).schema();
    await expect(schema).rejects.toBeInstanceOf(UsageError);
    await expect(schema).rejects.toThrow(/^SPANNER_EMULATOR_HOST: is not the address of an emulator/);
    await expect(schema).rejects.not.toThrow(emulator);
  },
);

it("credentials that cannot be renewed just now are a failure like any other", async () => {
  const broken = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  vi.spyOn(GoogleAuth.prototype, "getRequestHeaders").mockRejectedValue(broken);
  await expectFailure(`${NAME}: Google Cloud credentials could not be renewed`);
});
